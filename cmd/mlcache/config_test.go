package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheDefaultsAreThoseOfTheContract(t *testing.T) {
	c, done, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.False(t, done)
	require.Equal(t, "serve", c.name, "mlcache alone means mlcache serve")
	require.Equal(t, Config{
		Addr: ":8000", RedisPrefix: "mlc:", L1MaxEntries: 10000, L1MaxBytes: 64 << 20, L1Admission: "none",
		TTL: 30 * time.Second, NegativeTTL: 5 * time.Second, StaleIfError: 5 * time.Minute, RefreshAhead: 1,
		FailureCooldown: time.Second, ReloadInterval: time.Second,
		Source: "oracle", OracleDelay: 2 * time.Second, SourceTimeout: 5 * time.Second, SourceFreshness: "cap", SourceLimit: "fixed", SourceBatch: 100, SourceBatchWait: 2 * time.Millisecond, SourceConcurrency: 256,
		LockTTL: 5 * time.Second, L2Timeout: 50 * time.Millisecond, RequestTimeout: 10 * time.Second,
		MaxValueBytes: 1 << 20, MaxBatchBytes: 16 << 20, MaxConnections: 1024, ShutdownTimeout: 15 * time.Second, LogLevel: "info", LogFormat: "text",
	}, c.Config)
}

func TestEverySettingIsAFlagAndAnEnvironmentVariable(t *testing.T) {
	t.Setenv("MLCACHE_L1_MAX_ENTRIES", "3")
	t.Setenv("MLCACHE_TTL", "1500ms")
	t.Setenv("MLCACHE_L2_COMPRESS_ABOVE", "4KiB")
	c, _, err := parse([]string{"serve", "--ttl=2s", "--l1-max-bytes=4096"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 3, c.L1MaxEntries)
	require.Equal(t, 2*time.Second, c.TTL, "a flag counts before the environment")
	require.EqualValues(t, 4096, c.L1MaxBytes)
	require.EqualValues(t, 4096, c.L2CompressAbove)
}

func TestAWrongValueIsOneLineThatNamesSettingValueAndWhatIsAllowed(t *testing.T) {
	for flag, c := range map[string]struct{ value, want string }{
		"addr":                   {"8000", "host:port"},
		"admin-addr":             {":8000", "another port"},
		"tls-key":                {"key.pem", "MLCACHE_TLS_CERT"},
		"redis-prefix":           {"a{b", "no braces"},
		"l1-max-entries":         {"-1", "0 or more"},
		"l1-max-bytes":           {"much", "a size"},
		"ttl":                    {"0s", "at least 1ms"},
		"ttl-jitter":             {"1", "below 1"},
		"negative-ttl":           {"-1s", "not negative"},
		"reload-interval":        {"-1s", "not negative"},
		"stale-if-error":         {"soon", "a duration such as"},
		"stale-while-revalidate": {"-1s", "not negative"},
		"l2-stale":               {"-1s", "not negative"},
		"refresh-ahead":          {"-1", "0 to 100"},
		"failure-cooldown":       {"-1s", "not negative"},
		"source":                 {"mysql", "oracle or http"},
		"oracle-delay":           {"-1s", "not negative"},
		"source-timeout":         {"0s", "at least 1ms"},
		"source-freshness":       {"obey", "cap or follow or ignore"},
		"source-concurrency":     {"0", "1 or more"},
		"source-limit":           {"some", "fixed or adaptive"},
		"warm-timeout":           {"-1s", "not negative"},
		"lock-ttl":               {"1ms", "at least 100ms"},
		"l2-timeout":             {"0s", "at least 1ms"},
		"l2-compress-above":      {"100MiB", "0 to 64MiB"},
		"request-timeout":        {"30", "a duration such as"},
		"max-value-bytes":        {"100MiB", "1 to 64MiB"},
		"drain-delay":            {"-1s", "not negative"},
		"shutdown-timeout":       {"-1s", "not negative"},
		"allowed-hosts":          {"http://cache.example.com", "separated by commas"},
		"log-level":              {"loud", "debug or info or warn or error"},
		"log-format":             {"xml", "text or json"},
	} {
		env := "MLCACHE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		check := func(err error) {
			require.ErrorContains(t, err, c.want, flag)
			require.ErrorContains(t, err, c.value, flag)
			require.NotContains(t, err.Error(), "\n")
		}
		_, _, err := parse([]string{"--" + flag + "=" + c.value}, io.Discard)
		check(err)
		require.ErrorContains(t, err, "--"+flag)

		t.Setenv(env, c.value)
		_, _, err = parse(nil, io.Discard)
		check(err)
		require.ErrorContains(t, err, env)
		require.NoError(t, os.Unsetenv(env))
	}
}

func TestTheHTTPSourceNeedsAURLWithAPlaceForTheKey(t *testing.T) {
	_, _, err := parse([]string{"--source=http", "--source-url=http://localhost/"}, io.Discard)
	require.ErrorContains(t, err, "MLCACHE_SOURCE_URL (--source-url)")
}

func TestUnknownFlagsAreRefused(t *testing.T) {
	_, _, err := parse([]string{"--no-such-flag"}, io.Discard)
	require.ErrorContains(t, err, "--no-such-flag")
	require.ErrorAs(t, err, new(usageError))
}

func TestHelpShowsEverySettingWithItsDefault(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}, {"serve", "--help"}, {"help", "serve"}} {
		var out strings.Builder
		_, done, err := parse(args, &out)
		require.NoError(t, err)
		require.True(t, done)
		requireSettings(t, out.String())
	}
}

func requireSettings(t *testing.T, help string) {
	t.Helper()
	for _, shown := range []string{"--addr=\":8000\"", "--l1-max-entries=10000", "--ttl=30s", "$MLCACHE_TTL", "--l1-max-bytes=64MiB", "$MLCACHE_LOG_FORMAT"} {
		require.Contains(t, help, shown)
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	t.Setenv("MLCACHE_TTL", "whatever the settings are")
	for _, arg := range []string{"--version", "-v", "version"} {
		var out strings.Builder
		_, done, err := parse([]string{arg}, &out)
		require.NoError(t, err)
		require.True(t, done)
		require.Equal(t, programVersion()+"\n", out.String())
	}
	var out strings.Builder
	_, done, err := parse([]string{"help", "version"}, &out)
	require.NoError(t, err)
	require.True(t, done)
	require.True(t, strings.HasPrefix(out.String(), "Usage: "), "help is asked for, not the version")
}

func TestWhatOnlyAPartCanJudgeNamesItsSettingToo(t *testing.T) {
	for _, args := range [][]string{
		{"--redis-url=http://u:hunter2@localhost"},
		{"--source-url=ftp://u:hunter2@localhost/{key}"},
		{"--data-dir=/dev/null/x"},
	} {
		err := run(t.Context(), args, io.Discard, io.Discard, nil)
		flag, _, _ := strings.Cut(args[len(args)-1], "=")
		require.ErrorContains(t, err, "("+flag+")")
		require.ErrorAs(t, err, new(usageError))
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestEverySettingIsDocumentedAndReachesTheContainers(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	require.NoError(t, err)
	_, flags, err := parseArgs(nil, io.Discard)
	require.NoError(t, err)
	var settings []string
	for _, flag := range flags {
		for _, name := range flag.Envs {
			require.Contains(t, string(page), "`"+name+"`")
			settings = append(settings, name)
		}
	}
	for _, name := range []string{"api", "shop"} {
		var passed []string
		for variable := range composed(t, name).Environment {
			if !strings.HasPrefix(variable, "OTEL_") {
				passed = append(passed, variable)
			}
		}
		require.ElementsMatch(t, settings, passed, name)
	}
	own := map[string]bool{"MLCACHE_ADDR": true, "MLCACHE_REDIS_URL": true, "MLCACHE_DRAIN_DELAY": true}
	for variable, value := range composed(t, "api").Environment {
		require.Equal(t, own[variable], value != nil, "%s: only these differ from the program's defaults", variable)
	}
}
