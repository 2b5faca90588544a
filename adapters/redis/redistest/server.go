// Package redistest runs a real redis-server for tests, which may stop and
// start it as they please.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Server is a redis-server of the test's own, on a free port, with nothing
// kept on disk. It ends with the test.
type Server struct {
	t    testing.TB
	port int
	cmd  *exec.Cmd
}

// Start starts a server. Where there is no redis-server the test is skipped,
// but under CI (CI=true) it fails: there, nothing may be left out in silence.
func Start(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		const missing = "NOT TESTED AGAINST REDIS: redis-server is not installed (Debian: apt-get install redis-server)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	s := &Server{t: t, port: freePort(t)}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Addr returns the host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the address as a redis:// URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

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
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

// Restart starts a killed server on the same port, empty, and waits until it
// answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	require.NoError(s.t, s.cmd.Start())
	require.Eventually(s.t, s.answers, 10*time.Second, 5*time.Millisecond, "redis-server does not answer")
}

func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return false
	}
	pong := make([]byte, 5)
	n, _ := conn.Read(pong)
	return string(pong[:n]) == "+PONG"
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
