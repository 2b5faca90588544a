package redis

import (
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// names are the Redis keys of one cache key.
type names struct{ value, lock, failure, waiters, void string }

// namesOf puts the key into a hash tag, so that Redis Cluster keeps all names
// in one slot. A tag ends at the first closing brace; for a key that begins
// with one it would be empty, and an empty tag is none, so such keys get a mark
// in front. No two keys share a name: a value's ends with the closing brace,
// and the mark follows where otherwise the tag's opening brace stands.
func namesOf(prefix string, key domain.Key) names {
	open := "{"
	if strings.HasPrefix(key.String(), "}") {
		open = "!{!"
	}
	value := prefix + open + key.String() + "}"
	return names{value: value, lock: value + ":lock", failure: value + ":failure", waiters: value + ":waiters", void: value + ":void"}
}

// probeNames are the keys that an instance probes a server with. The tag, if there
// is one, leads to that server.
func probeNames(prefix, id, tag string) []string {
	name := prefix + "probe:" + id + "{" + tag + "}"
	return []string{name + ":value", name + ":set"}
}
