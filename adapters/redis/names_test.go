package redis

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// hashTag is the part of a Redis key that decides on its slot, by the rule of
// the Redis Cluster specification.
func hashTag(name string) string {
	_, after, ok := strings.Cut(name, "{")
	if !ok {
		return ""
	}
	tag, _, ok := strings.Cut(after, "}")
	if !ok {
		return ""
	}
	return tag
}

func TestAllNamesOfAKeyShareAHashSlotAndNoTwoKeysShareAName(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		"a", "}", "}a", "}}", "{", "{}", "{a}", "a}b", "a}", "!}", "!", "!{!", "!{!}a", "{!}a",
		"a:lock", "a}:lock", "a}:failure", "a:waiters", "é", "a b", "/",
	} {
		key, err := domain.ParseKey(text)
		require.NoError(t, err)
		n := namesOf("mlc:", key)
		tag := hashTag(n.value)
		require.NotEmpty(t, tag, "%q: an empty tag is no tag", text)
		for _, name := range []string{n.value, n.lock, n.failure, n.waiters, n.grant, n.floor} {
			require.Equal(t, tag, hashTag(name), "%q", text)
			require.Empty(t, seen[name], "%q and %q share %q", text, seen[name], name)
			seen[name] = text
		}
	}
}

func TestNamesAreWhatTheDocumentationSays(t *testing.T) {
	key, err := domain.ParseKey("test")
	require.NoError(t, err)
	require.Equal(t, names{
		value: "mlc:{test}", lock: "mlc:{test}:lock", failure: "mlc:{test}:failure", waiters: "mlc:{test}:waiters", grant: "mlc:{test}:grant", floor: "mlc:{test}:floor",
	}, namesOf("mlc:", key))
}

func TestChannelsCarryTheNumberOfTheDatabase(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://localhost":                       "mlc:changes", // as versions without numbers have it
		"redis://localhost/0":                     "mlc:changes",
		"redis://localhost/3":                     "mlc:changes:3",
		"redis://localhost?db=3":                  "mlc:changes:3",
		"unix:///tmp/redis.sock?db=12":            "mlc:changes:12",
		"redis://localhost/4?master_name=main":    "mlc:changes:4",
		"redis://localhost:1,localhost:2":         "mlc:changes",
		"redis://localhost?master_name=main&db=4": "mlc:changes:4",
	} {
		c, err := NewClient(options(url))
		require.NoError(t, err, url)
		require.Equal(t, want, c.changes(), url)
		require.NoError(t, c.Close())
	}
}
