package redistest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Three sentinels of which two must agree are the least that outlives the loss
// of one, and what users run.
const (
	sentinels = 3
	quorum    = 2

	// masterName is what the sentinels call the master.
	masterName = "main"
)

// Sentinel is a Pair watched by sentinels, which promote the replica about two
// seconds after the master went silent.
type Sentinel struct {
	Pair
	sentinels []*Server
}

// StartSentinel starts a master, its replica and the sentinels, and waits until
// they know each other. See Start about a machine without Redis.
func StartSentinel(t T) *Sentinel {
	t.Helper()
	needRedis(t)
	s := &Sentinel{Pair: startPair(t)}
	for range sentinels {
		s.sentinels = append(s.sentinels, startSentinel(t, s.Master))
	}
	for _, one := range s.sentinels {
		one.await(fmt.Sprintf("OK %d usable", sentinels), "SENTINEL", "CKQUORUM", masterName)
		one.await("num-slaves\n1\n", "SENTINEL", "MASTER", masterName)
	}
	return s
}

// URL returns the addresses of the sentinels as go-redis reads them.
func (s *Sentinel) URL() string {
	query := url.Values{"master_name": {masterName}}
	for _, other := range s.sentinels[1:] {
		query.Add("addr", other.Addr())
	}
	return s.sentinels[0].URL() + "?" + query.Encode()
}

func startSentinel(t T, master *Server) *Server {
	t.Helper()
	s := newServer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf") // a sentinel writes to it what it learns
	must(t, os.WriteFile(file, []byte(strings.Join([]string{
		fmt.Sprintf("port %d", s.port), "bind 127.0.0.1", "dir " + dir,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d %d", masterName, master.port, quorum),
		"sentinel down-after-milliseconds " + masterName + " 500",
		"sentinel failover-timeout " + masterName + " 3000",
	}, "\n")+"\n"), 0o600))
	s.args = []string{file, "--sentinel"}
	s.begin()
	// They tell each other of themselves every two seconds, unless told otherwise.
	s.Command("SENTINEL", "DEBUG", "publish-period", "100", "info-period", "500")
	return s
}
