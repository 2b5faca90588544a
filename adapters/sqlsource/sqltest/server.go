package sqltest

import (
	"context"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startTimeout is generous: only a server that never comes up meets it.
const startTimeout = 2 * time.Minute

// logFile is what a server writes to its standard output and error, over restarts.
const logFile = "log"

// Server is a server of the test's own, on a free port.
type Server struct {
	t      testing.TB
	dir    string
	port   int
	args   []string // the program and its arguments
	driver string   // of database/sql
	admin  string   // its DSN for the administrator
	cmd    *exec.Cmd
	ended  <-chan struct{} // closed when cmd has
}

// Exec runs statements as the administrator, each by itself.
func (s *Server) Exec(statements ...string) {
	s.t.Helper()
	db := s.Open()
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		_, err := db.ExecContext(s.t.Context(), statement)
		require.NoError(s.t, err, statement)
	}
}

// Open returns a pool for the administrator, which ends with the test.
func (s *Server) Open() *sql.DB {
	s.t.Helper()
	db, err := sql.Open(s.driver, s.admin)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

// KillAll ends the server and the processes that it started, as when its machine
// fails. Where these cannot be found it is Kill.
func (s *Server) KillAll() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGSTOP) // it starts no more of them
	for _, pid := range children(s.t, s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	s.Kill()
}

// Restart starts a killed server on the same port with its data, and waits until it
// answers. A server may refuse to start while something of the last one is left.
func (s *Server) Restart() {
	s.t.Helper()
	db, err := sql.Open(s.driver, s.admin)
	require.NoError(s.t, err)
	defer func() { _ = db.Close() }()
	ended := s.start()
	require.Eventually(s.t, func() bool {
		select {
		case <-ended:
			ended = s.start()
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := db.ExecContext(ctx, "SELECT 1")
		return err == nil
	}, startTimeout, 50*time.Millisecond, "%v does not answer", s.args[0])
}

// start starts the process, and returns what is closed when it has ended.
func (s *Server) start() <-chan struct{} {
	s.cmd = unprivileged(s.t, s.args...)
	log, err := os.OpenFile(filepath.Join(s.dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(s.t, err)
	defer log.Close()
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, log, log
	require.NoError(s.t, s.cmd.Start())
	ended, cmd := make(chan struct{}), s.cmd
	s.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	return ended
}

// begin starts the server for the first time.
func (s *Server) begin() {
	s.t.Helper()
	s.t.Cleanup(s.Kill)
	s.Restart()
}

func newServer(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "sqltest")
	require.NoError(t, err)
	t.Cleanup(func() { // what a killed server has started may still write for a while
		require.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, startTimeout, 50*time.Millisecond)
	})
	if id := otherUser(t); id != nil {
		require.NoError(t, os.Chown(dir, int(id.Uid), int(id.Gid)))
	}
	return &Server{t: t, dir: dir, port: freePort(t)}
}

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// need returns the path of a program, which may be in one of the folders. Where there
// is none the test is skipped, but under CI (CI=true) it fails: there, nothing may be
// left out in silence.
func need(t testing.TB, program, debian string, folders ...string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, folder := range folders {
		found, _ := filepath.Glob(filepath.Join(folder, program))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	missing := "NOT TESTED: no " + program + " (Debian: apt-get install " + debian + ")"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// unprivileged returns a command that does not run as root.
func unprivileged(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = endsWithParent()
	cmd.SysProcAttr.Credential = otherUser(t)
	return cmd
}

// otherUser returns whom root runs servers as, and nil for others.
func otherUser(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	other, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(other.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(other.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// run runs a program that ends by itself.
func (s *Server) run(args ...string) {
	s.t.Helper()
	cmd := unprivileged(s.t, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%v: %s", args, out)
}
