package redistest

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// Below the ports that systems give to outgoing connections, none of which can
// then take the port of a server while it is down.
const lowest, highest = 12000, 32000

// FreePort returns a port on which nothing listens. It is the test's until that ends,
// also while its server is down: the port of the same number of UDP, which no server
// uses, is held so that no other test takes it, of this process or another.
func FreePort(t T) int {
	t.Helper()
	for range 100 {
		port := lowest + rand.N(highest-lowest)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		claim, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = claim.Close()
			continue
		}
		l.Close()
		t.Cleanup(func() { _ = claim.Close() })
		return port
	}
	fail(t, "no free port")
	return 0
}
