package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAnEmptyVariableMeansTheDefault(t *testing.T) {
	want, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
	_, flags, err := parseArgs(nil, io.Discard)
	require.NoError(t, err)
	for _, flag := range flags {
		for _, name := range flag.Envs {
			t.Setenv(name, "")
		}
	}
	got, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, _, err = parse([]string{"--ttl=1m"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "1m0s", got.TTL.String(), "a flag counts before the environment")
	_, _, err = parse([]string{"--ttl="}, io.Discard)
	require.Error(t, err, "an empty flag is a mistake")
}

func TestEveryDefaultIsWrittenInTheFlag(t *testing.T) {
	_, flags, err := parseArgs(nil, io.Discard)
	require.NoError(t, err)
	for _, flag := range flags {
		require.Equal(t, len(flag.Envs) > 0, flag.HasDefault, "--%s: an empty variable means what the tag says", flag.Name)
	}
}

func TestAMisspeltVariableStopsTheStartAndTheNearestIsNamed(t *testing.T) {
	for name, nearest := range map[string]string{
		"MLCACHE_TLL": "MLCACHE_TTL", "MLCACHE_REDIS": "MLCACHE_REDIS_URL", "MLCACHE_L1_MAX_ENTRYS": "MLCACHE_L1_MAX_ENTRIES",
		"MLCACHE_TOKENFILE": "MLCACHE_TOKEN_FILE", "MLCACHE_ttl": "MLCACHE_TTL", "MLCACHE_": "MLCACHE_ADDR",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "hunter2")
			_, _, err := parse(nil, io.Discard)
			require.ErrorAs(t, err, new(usageError))
			require.ErrorContains(t, err, `"`+name+`" is not a setting, did you mean `+nearest+"?")
			require.NotContains(t, err.Error(), "hunter2")
			_, done, err := parse([]string{"version"}, io.Discard)
			require.NoError(t, err)
			require.True(t, done)
		})
	}
}

func TestVariablesThatAreNotForThisProgramAreLeftAlone(t *testing.T) {
	for _, name := range []string{
		"MLCACHE_TEST_ANYTHING", "XMLCACHE_TTTL", "MLCACHE",
		// Kubernetes makes these for the Services mlcache and mlcache-redis.
		"MLCACHE_SERVICE_HOST", "MLCACHE_SERVICE_PORT", "MLCACHE_SERVICE_PORT_HTTP", "MLCACHE_PORT", "MLCACHE_PORT_8000_TCP",
		"MLCACHE_PORT_8000_TCP_PROTO", "MLCACHE_PORT_8000_TCP_PORT", "MLCACHE_PORT_8000_TCP_ADDR",
		"MLCACHE_REDIS_SERVICE_HOST", "MLCACHE_REDIS_PORT_6379_TCP_ADDR",
	} {
		t.Setenv(name, "1")
	}
	_, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
}

func TestASourceURLImpliesAnHTTPSource(t *testing.T) {
	const url = "http://u:hunter2@localhost/{key}"
	t.Setenv("MLCACHE_SOURCE", "")
	t.Setenv("MLCACHE_SOURCE_URL", url)
	c, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "http", c.Source)
	require.EqualValues(t, url, c.SourceURL)
	_, _, err = parse([]string{"--source=oracle"}, io.Discard)
	require.ErrorContains(t, err, "MLCACHE_SOURCE (--source): \"oracle\" is not allowed with MLCACHE_SOURCE_URL")
	require.NotContains(t, err.Error(), "hunter2")
}

// The distance is a metric, and one edit is a distance of one.
func TestTheDistanceOfNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[A-C]{0,8}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		require.Equal(t, a == b, distance(a, b) == 0)
		require.Equal(t, distance(a, b), distance(b, a))
		require.LessOrEqual(t, distance(a, c), distance(a, b)+distance(b, c))
		at := rapid.IntRange(0, len(a)).Draw(t, "at")
		require.Equal(t, 1, distance(a, a[:at]+"X"+a[at:]))
		if at < len(a) {
			require.Equal(t, 1, distance(a, a[:at]+"X"+a[at+1:]))
			require.Equal(t, 1, distance(a, a[:at]+a[at+1:]))
		}
	})
	require.Equal(t, 3, distance("kitten", "sitting"))
}

func TestTheFlagAndTheVariableOfASettingHaveOneName(t *testing.T) {
	_, flags, err := parseArgs(nil, io.Discard)
	require.NoError(t, err)
	for _, flag := range flags {
		if len(flag.Envs) > 0 {
			require.Equal(t, []string{"MLCACHE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}, flag.Envs)
		}
	}
}
