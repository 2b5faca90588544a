package redistest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Three sentinels of which two must agree are the least that outlives the loss
// of one, and what users run.
const (
	sentinels = 3
	quorum    = 2

	// silence is for how long a master has to be silent before it is replaced: longer than
	// one that runs ever is on a busy machine.
	silence = 5 * time.Second

	// masterName is what the sentinels call the master.
	masterName = "main"
)

// Sentinel is a Pair watched by sentinels, which promote the replica some
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

// KillMaster kills the master and waits until the replica has taken its place.
func (s *Sentinel) KillMaster() {
	s.Master.t.Helper()
	s.Master.Kill()
	s.AwaitFailover()
}

// AwaitFailover waits until the replica is the master, and all sentinels know: until
// then they may take the former one for the master, if it comes back.
func (s *Sentinel) AwaitFailover() {
	s.Master.t.Helper()
	s.Pair.AwaitFailover()
	for _, one := range s.sentinels {
		one.await("127.0.0.1\n"+strconv.Itoa(s.Master.port), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
	}
}

func startSentinel(t T, master *Server) *Server {
	t.Helper()
	s := newServer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf") // a sentinel writes to it what it learns
	must(t, os.WriteFile(file, []byte(strings.Join([]string{
		fmt.Sprintf("port %d", s.port), "bind 127.0.0.1", "dir " + dir,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d %d", masterName, master.port, quorum),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, silence.Milliseconds()),
		"sentinel failover-timeout " + masterName + " 3000",
	}, "\n")+"\n"), 0o600))
	s.args = []string{file, "--sentinel"}
	s.begin()
	// They tell each other of themselves every two seconds, unless told otherwise.
	s.Command("SENTINEL", "DEBUG", "publish-period", "100", "info-period", "500")
	return s
}
