package sqltest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Below the ports that systems give to outgoing connections, none of which can
// then take the port of a server while it is down.
const lowest, highest = 12000, 32000

// freePort returns a port on which nothing listens.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := lowest + rand.N(highest-lowest)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
	require.FailNow(t, "no free port")
	return 0
}
