// Package edge drives the real program, a process of its own, as hostile clients
// and origins do: over raw sockets, with its memory watched from outside.
package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "mlcache-edge")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "mlcache")
		if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "..").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("cannot build the program: %v\n%s", err, out))
		}
		return m.Run()
	}())
}

const (
	mib = 1 << 20
	// token is what the program under test takes.
	token = "a-token-for-the-edge-tests"
	// patience is how long a single answer may take, on a machine that is busy with
	// other things.
	patience = 5 * time.Minute
	// late is when a connection that a busy machine was slow to report is given up for
	// another: where requests are short, the program waits for their headers for 5 s.
	late = 2 * time.Second
)

// outOfTime returns when to give up what must come: shortly before go test itself
// would, so that a machine may be as busy as it likes.
func outOfTime(t *testing.T) time.Time {
	now := time.Now()
	if deadline, set := t.Deadline(); set {
		return now.Add(deadline.Sub(now) * 19 / 20)
	}
	return now.Add(time.Hour)
}

// program is the real program, a process of its own on a port of its own.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string // of the service, on loopback
	log  logFile
	done chan error // gets what Wait returned
}

// logFile is what the program logs. The program itself writes to it, so that a line is
// there when the program goes on.
type logFile struct{ *os.File }

func newLogFile(t *testing.T) logFile {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return logFile{f}
}

func (f logFile) String() string {
	said, err := os.ReadFile(f.Name())
	if err != nil {
		return err.Error()
	}
	return string(said)
}

// listening matches the line that says where, in logs of both formats.
var listening = regexp.MustCompile(`msg"?[=:]"?listening"?[ ,]"?addr"?[=:]"?([0-9.:]+)`)

// start runs the program with these settings ("MLCACHE_TTL=1s"), and ends it with
// the test. Unless they say otherwise, what it stores outlasts that, and requests have
// as long as a single answer may take, however busy the machine is.
func start(t *testing.T, settings ...string) *program {
	t.Helper()
	p := &program{t: t, log: newLogFile(t), done: make(chan error, 1), cmd: exec.Command(binary)}
	p.cmd.Env = append(clean(os.Environ()), append([]string{"MLCACHE_ADDR=127.0.0.1:0", "MLCACHE_TOKEN=" + token, "MLCACHE_TTL=1h", "MLCACHE_REQUEST_TIMEOUT=" + patience.String()}, settings...)...)
	p.cmd.Stderr = p.log.File
	require.NoError(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.wait()
		if t.Failed() {
			log := p.log.String()
			t.Logf("the log ends:\n%s", log[max(0, len(log)-4000):])
		}
	})
	eventually(t, "the program listens", func() bool {
		found := listening.FindStringSubmatch(p.log.String())
		if found != nil {
			p.addr = found[1]
		}
		return found != nil
	})
	return p
}

// clean leaves out settings that the machine has by accident.
func clean(environment []string) (kept []string) {
	for _, pair := range environment {
		if !strings.HasPrefix(pair, "MLCACHE_") && !strings.HasPrefix(pair, "GOMEMLIMIT") && !strings.HasPrefix(pair, "GOGC") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// eventually polls until holds does. It is no measurement: it fails only when the time
// of all tests is over. The longer it waits the less it polls, so that it leaves the
// processor to what it waits for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := outOfTime(t)
	for pause := 2 * time.Millisecond; !holds(); pause = min(pause*3/2, 50*time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "it does not happen: "+what)
		}
		time.Sleep(pause)
	}
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// wait waits until the program has ended and returns how.
func (p *program) wait() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done <- err // for the end of the test
		return err
	case <-time.After(patience):
		require.FailNow(p.t, "the program does not end", p.log.String())
		return nil
	}
}

// memory returns what the kernel says of the process in bytes: VmRSS now, VmHWM at
// its peak.
func (p *program) memory(field string) int {
	p.t.Helper()
	if runtime.GOOS != "linux" {
		p.t.Skip("the memory of a process is read from /proc")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	found := regexp.MustCompile(field + `:\s*(\d+) kB`).FindSubmatch(status)
	require.NotNil(p.t, found)
	kib, err := strconv.Atoi(string(found[1]))
	require.NoError(p.t, err)
	return kib << 10
}

func (p *program) peak() int { p.t.Helper(); return p.memory("VmHWM") }

// dial returns a raw connection to the program.
func (p *program) dial() net.Conn {
	p.t.Helper()
	for {
		began := time.Now()
		conn, err := net.Dial("tcp", p.addr)
		require.NoError(p.t, err)
		if time.Since(began) < late {
			p.t.Cleanup(func() { conn.Close() })
			return conn
		}
		_ = conn.Close()
	}
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// send writes a request as it stands on a connection of its own and returns the
// answer.
func (p *program) send(request string) answer {
	p.t.Helper()
	conn := p.dial()
	defer conn.Close()
	_, err := io.WriteString(conn, request)
	require.NoError(p.t, err)
	method, _, _ := strings.Cut(request, " ")
	return p.read(conn, method)
}

// read returns the answer that a connection gets to a request with that method.
func (p *program) read(conn net.Conn, method string) answer {
	p.t.Helper()
	return p.next(conn, bufio.NewReader(conn), method)
}

// next is read where more answers follow, of which r may hold the beginning.
func (p *program) next(conn net.Conn, r *bufio.Reader, method string) answer {
	p.t.Helper()
	require.NoError(p.t, conn.SetReadDeadline(time.Now().Add(patience)))
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	require.NoError(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// stream sends GET for n targets on one connection, without waiting for the answers,
// which are checked as they come.
func (p *program) stream(n int, target func(i int) string, check func(answer)) {
	p.t.Helper()
	conn := p.dial()
	go func() {
		for i := range n {
			if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target(i), p.addr); err != nil {
				return // as the one who reads will find
			}
		}
	}()
	r := bufio.NewReader(conn)
	for range n {
		check(p.next(conn, r, http.MethodGet))
	}
}

// do sends a request with these further header lines.
func (p *program) do(method, target, body string, lines ...string) answer {
	p.t.Helper()
	var r strings.Builder
	fmt.Fprintf(&r, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, p.addr)
	if body != "" || method == http.MethodPut || method == http.MethodPost {
		fmt.Fprintf(&r, "Content-Length: %d\r\n", len(body))
	}
	for _, line := range lines {
		r.WriteString(line + "\r\n")
	}
	r.WriteString("\r\n" + body)
	return p.send(r.String())
}

func (p *program) get(target string, lines ...string) answer {
	p.t.Helper()
	return p.do(http.MethodGet, target, "", lines...)
}

// put writes a value with the token.
func (p *program) put(key, value string) {
	p.t.Helper()
	a := p.do(http.MethodPut, "/data/"+key, value, "Content-Type: text/plain", "Authorization: Bearer "+token)
	require.Equal(p.t, http.StatusNoContent, a.status, a.body)
}
