// Package redistest runs real Redis servers for tests, which may stop and
// start them as they please: a single one (Start), one with TLS and an ACL user
// (StartTLS), a master and its replica under Sentinel (StartSentinel) and a
// Cluster (StartCluster); and a Proxy that cuts off any of them. It knows
// nothing of the adapter that is tested.
package redistest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// startTimeout is generous: only a server that never comes up meets it.
const startTimeout = time.Minute

// Server is a redis-server of the test's own, on a free port, with nothing
// kept on disk unless it is Durable. It ends with the test.
type Server struct {
	t    T
	dir  string
	port int
	args []string // of redis-server
	cli  []string // of redis-cli, to reach it
	cmd  *exec.Cmd
}

// Option changes how a server is started.
type Option func(*Server)

// Args adds arguments of redis-server, such as "--maxmemory", "2mb".
func Args(args ...string) Option {
	return func(s *Server) { s.args = append(s.args, args...) }
}

// Durable keeps all that the server has replied to over Kill and Restart.
func Durable() Option {
	return Args("--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0")
}

// Start starts a server. Where there is no redis-server the test is skipped,
// but under CI (CI=true) it fails: there, nothing may be left out in silence.
func Start(t T, options ...Option) *Server {
	t.Helper()
	needRedis(t)
	s := newServer(t)
	s.dir = t.TempDir()
	s.args = []string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--rdb-del-sync-files", "yes", "--repl-diskless-sync-delay", "0",
	}
	for _, option := range options {
		option(s)
	}
	s.begin()
	return s
}

func needRedis(t T) {
	t.Helper()
	for _, program := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		missing := "NOT TESTED: no redis-server (Debian: apt-get install redis-server)"
		if os.Getenv("CI") == "true" {
			fail(t, "%s", missing)
		}
		t.Skip(missing)
	}
}

func newServer(t T) *Server {
	port := FreePort(t)
	return &Server{t: t, port: port, cli: []string{"-e", "-p", strconv.Itoa(port)}}
}

// begin starts the server for the first time. The folders that it uses exist
// by then, so that they are removed after its end.
func (s *Server) begin() {
	s.t.Helper()
	s.t.Cleanup(s.Kill)
	s.Restart()
}

// Addr returns the host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the address as a redis:// URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Runs reports whether the server was not killed.
func (s *Server) Runs() bool { return s.cmd != nil }

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Pause stops the server from answering while its connections stay open.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	must(s.t, s.cmd.Process.Signal(sig))
}

// Forget removes what a killed server has on disk.
func (s *Server) Forget() {
	s.t.Helper()
	must(s.t, os.RemoveAll(filepath.Join(s.dir, "appendonlydir")))
}

// Restart starts a killed server on the same port, empty unless it is Durable, and
// waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", slices.Clone(s.args)...)
	s.cmd.SysProcAttr = endsWithParent()
	must(s.t, s.cmd.Start())
	s.await("PONG", "PING")
}
