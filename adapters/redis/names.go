package redis

import (
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// names are the Redis keys of one cache key.
type names struct{ value, lock, failure, waiters, grant, floor string }

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
	return names{value: value, lock: value + ":lock", failure: value + ":failure", waiters: value + ":waiters", grant: value + ":grant", floor: value + ":floor"}
}

// hotList is the name of the list of hot keys. Names of values end with a brace.
func (c *Client) hotList() string { return c.prefix + "hot" }

// probeNames are the keys that an instance probes a server with. The tag, if there
// is one, leads to that server.
func probeNames(prefix, id, tag string) []string {
	name := prefix + "probe:" + id + "{" + tag + "}"
	return []string{name + ":value", name + ":set"}
}

// channel returns the name of a Pub/Sub channel. Channels belong to the server,
// not to one of its databases: the number keeps apart caches that have a database
// each. Database 0 has none, as in versions that knew no numbers.
func channel(prefix, name string, database int) string {
	if database == 0 {
		return prefix + name
	}
	return prefix + name + ":" + strconv.Itoa(database)
}

// database returns the number of the database that a client uses; a Cluster has
// no other than 0.
func database(client redis.UniversalClient) int {
	if single, ok := client.(*redis.Client); ok {
		return single.Options().DB
	}
	return 0
}
