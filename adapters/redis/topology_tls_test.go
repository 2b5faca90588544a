package redis

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// rights are what an ACL user needs on a single server, and all of it.
var rights = strings.Fields(`~mlc:* &mlc:* +info +time +evalsha +eval
	+get +getrange +set +del +exists +pttl +pexpire +sadd +smembers
	+zadd +zscore +zcard +zrange +zrangebyscore +zrem +zremrangebyscore +zremrangebyrank +publish +subscribe`)

// loading spares the first call of each script a round trip.
const loading = "+script|load"

func TestOverTLSAnACLUserWithTheDocumentedRightsCanDoEverything(t *testing.T) {
	t.Parallel()
	server := redistest.StartTLS(t, certificate, append(slices.Clone(rights), loading)...)
	a, b := join(t, server.URL()), join(t, server.URL())
	require.NoError(t, exercise(t.Context(), a, b, parse(t, "k")))
	require.Empty(t, refusals(server), "nothing that was sent was refused")
}

// refusals returns what the server denied to its user for want of a right.
func refusals(s *redistest.TLS) []string {
	var refused []string
	lines := strings.Split(s.Command("ACL", "LOG"), "\n")
	for i := 0; i+1 < len(lines); i++ {
		// go-redis says its version, and goes on when that is refused.
		if lines[i] == "object" && !strings.HasPrefix(lines[i+1], "client|setinfo") {
			refused = append(refused, lines[i+1])
		}
	}
	return refused
}
