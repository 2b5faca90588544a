package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASecretShowsNothingHoweverItIsPrinted(t *testing.T) {
	cfg := Config{Token: "hunter2", RedisURL: "redis://:hunter2@localhost", SourceURL: "http://u:hunter2@localhost/{key}"}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+verb+"\n", cfg, cfg.Token)
	}
	require.NoError(t, json.NewEncoder(&shown).Encode(cfg))
	for _, h := range []slog.Handler{slog.NewJSONHandler(&shown, nil), slog.NewTextHandler(&shown, nil)} {
		slog.New(h).Info("x", "cfg", cfg, "token", cfg.Token)
	}
	require.NotContains(t, shown.String(), "hunter2")
	require.NotContains(t, shown.String(), fmt.Sprintf("%x", "hunter2"))
	require.Contains(t, shown.String(), `"Token":"***"`)
	require.Empty(t, fmt.Sprint(hidden("")), "what is not set is seen")
}

func TestWhatIsWrongOnTheCommandLineIsSaidWithoutASecret(t *testing.T) {
	for _, args := range [][]string{
		{"MLCACHE_TOKEN=hunter2"}, {"-e", "MLCACHE_TOKEN=hunter2"}, {"redis://:hunter2@localhost"}, {"--token=", "hunter2"}, {"hunter2"},
		{"--token", "--hunter2"}, {"--token", "-hunter2"}, {"--token:hunter2"}, {"--tokn=hunter2"}, {"--tokn", "hunter2"}, {"-thunter2"},
		{"--redis-url", "-hunter2"}, {"--source-url", "--hunter2"}, {"--ttl=redis://:hunter2@localhost"}, {"--ttl", "http://u:hunter2@h/{key}"},
		{"--source-url=http://u:hunter2@localhost/"}, {"--source=http", "--source-url=hunter2"}, {"serve", "healthcheck", "hunter2"},
		{"--redis-url=redis://:hunter2@localhost", "--redis-prefix={"}, {"--token=hunter2 x"}, {"--token=hunter2", "--token-file=/x"},
		{"--token-file=hunter2"}, {"--log-level=x", "--token=hunter2"}, {"hunter2\nhunter2"}, {"--hunter\n2"},
	} {
		err := run(t.Context(), args, io.Discard, io.Discard, nil)
		require.ErrorAs(t, err, new(usageError), args)
		require.NotContains(t, err.Error(), "hunter2", args)
		require.NotContains(t, err.Error(), "\n", args)
		require.NotContains(t, err.Error(), "from envar", args)
	}
	_, _, err := parse([]string{"healthchek"}, io.Discard)
	require.ErrorContains(t, err, "unexpected argument healthchek", "a misspelt word is shown")
}

func TestARefusedURLIsNotQuoted(t *testing.T) {
	for setting, urls := range map[string][]string{
		"MLCACHE_REDIS_URL": {
			"redis://:hunter2@host:notaport", "redis://:hunter2%zz@host", "redis://u:hunter2@host/notanumber", "redis://:123?hunter2@host", "redis://:123/hunter2@host",
			"redis://host?hunter2=1", "redis://host?db=hunter2", "redis://host?max_retries=hunter2", "redis://host?read_timeout=hunter2", "redis://host/a/hunter2",
			"redis://host,redis://:hunter2@other", "redis://host?addr=u:hunter2@x:1", "redis://host?master_name=m&hunter2=1", "redis://host?master_name=m&db=hunter2",
			"redis://:hun,ter2@host", "http://u:hunter2@host", "hunter2", "hunter2://host", "redis://host?pool_fifo=hunter2", "redis://:hunter2@[::1", "\nredis://:hunter2@host",
		},
		"MLCACHE_SOURCE_URL": {
			"http://u:hunter2@host/", "http://u:hunter2@host:port/{key}", "http://u:hunter2%zz@host/{key}", "http://u:hunter2@host/{key}#f", "ftp://u:hunter2@host/{key}",
			"hunter2", "hunter2/{key}", "http://u:hunter2@/{key}", "http://u:hun/ter2@host/{key}",
		},
	} {
		for _, url := range urls {
			t.Setenv(setting, url)
			err := run(t.Context(), nil, io.Discard, io.Discard, nil)
			require.ErrorAs(t, err, new(usageError), url)
			require.ErrorContains(t, err, setting)
			for _, part := range []string{"hunter2", "ter2", "\n"} {
				require.NotContains(t, err.Error(), part, url)
			}
		}
		require.NoError(t, os.Unsetenv(setting))
	}
}

func TestATokenIsReadFromASettingOrAFileAndTrimmed(t *testing.T) {
	const token = "a-token-of-some-length"
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	for _, text := range []string{token, token + "\n", "\t " + token + "\r\n\n"} {
		write(text)
		for _, arg := range []string{"--token=" + text, "--token-file=" + file} {
			c, _, err := parse([]string{arg}, io.Discard)
			require.NoError(t, err)
			require.EqualValues(t, token, c.Token)
		}
	}
	for text, want := range map[string]string{
		" \n": "blank", "two words": "white space", "two\nlines": "white space", "bell\x07bell": "control", "no\u00a0break": "white space", "\ufeffmark": "control",
	} {
		write(text)
		for _, arg := range []string{"--token=" + text, "--token-file=" + file} {
			flag, _, _ := strings.Cut(arg, "=")
			_, _, err := parse([]string{arg}, io.Discard)
			require.ErrorContains(t, err, want, "%q", text)
			require.ErrorContains(t, err, "("+flag+")")
			require.NotContains(t, err.Error(), "\n")
		}
	}
}

func TestATokenFileThatHoldsNoTokenStopsTheStart(t *testing.T) {
	empty, large := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "large")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("x", maxTokenBytes+1)), 0o600))
	for file, want := range map[string]string{
		empty: "blank", large: "more than 4096 bytes", filepath.Dir(empty): "directory", "hunter2": "no such file",
	} {
		_, _, err := parse([]string{"--token-file=" + file}, io.Discard)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "MLCACHE_TOKEN_FILE (--token-file)")
		require.NotContains(t, err.Error(), file, "it may be the token itself, in the wrong variable")
	}
	_, _, err := parse([]string{"--token-file=" + large, "--token=x"}, io.Discard)
	require.ErrorContains(t, err, "want one of them")
}
