package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// childVariable turns the test binary into the program, see TestMain. So
	// the instances of a fleet are built as the tests are, -race included.
	childVariable = "MLCACHE_TEST_CHILD"
	secret        = "secret"
)

// childMain is main for a process of a fleet. It ends when the test does,
// however that ends: standard input is closed then.
func childMain() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
	os.Exit(0)
}

// process is an instance that is a process of its own, so that it can be killed
// and stopped as the system may.
type process struct {
	*instance
	program string // the test binary that is run as the program
	flags   []string
	set     []string // variables of its own environment
	cmd     *exec.Cmd
	ended   chan error // gets what Wait returned
	over    bool       // it has ended, or was killed
}

// launch starts n instances with these flags, which end with the test.
func launch(t *testing.T, n int, flags []string) []*process {
	t.Helper()
	return launchOf(t, os.Args[0], n, flags)
}

// launchOf does that with another program.
func launchOf(t *testing.T, program string, n int, flags []string) []*process {
	t.Helper()
	processes := make([]*process, n)
	for i := range processes {
		p := newProcess(t)
		p.program, p.flags = program, flags
		p.begin()
		t.Cleanup(p.end)
		processes[i] = p
	}
	for _, p := range processes {
		p.awaitListening()
	}
	return processes
}

// launchWith starts an instance with these variables in its environment.
func launchWith(t *testing.T, settings map[string]string) *process {
	t.Helper()
	p := newProcess(t)
	for name, value := range settings {
		p.set = append(p.set, name+"="+value)
	}
	p.begin()
	t.Cleanup(p.end)
	p.awaitListening()
	return p
}

func newProcess(t *testing.T) *process {
	return &process{program: os.Args[0], instance: &instance{t: t, client: &http.Client{
		Timeout:   2 * patience, // longer than any answer may take
		Transport: &http.Transport{MaxIdleConnsPerHost: 1000},
	}}}
}

func (p *process) begin() {
	p.t.Helper()
	p.log, p.over = &syncBuffer{}, false
	cmd, ended := exec.Command(p.program, append([]string{"serve", "--addr=127.0.0.1:0"}, p.flags...)...), make(chan error, 1)
	cmd.Env = append(append(os.Environ(), childVariable+"=1", "GORACE=atexit_sleep_ms=0"), p.set...)
	cmd.Stderr = p.log
	_, err := cmd.StdinPipe() // which stays open until the process has ended
	require.NoError(p.t, err)
	require.NoError(p.t, cmd.Start())
	go func() { ended <- cmd.Wait() }()
	p.cmd, p.ended = cmd, ended
}

func (p *process) awaitListening() {
	p.t.Helper()
	eventually(p.t, "a process listens", func() bool {
		_, rest, found := strings.Cut(p.log.String(), "msg=listening addr=")
		address, _, whole := strings.Cut(rest, " ")
		p.base = "http://" + address
		return found && whole
	})
}

// end stops the process as SIGTERM does, and checks that it ended well.
func (p *process) end() {
	if !p.over {
		p.over = true
		p.resume()
		p.signal(syscall.SIGTERM)
		select {
		case err := <-p.ended:
			require.NoError(p.t, err, p.log.String())
		case <-time.After(patience):
			p.signal(syscall.SIGQUIT) // which has it print its goroutines
			require.Fail(p.t, "a process does not end", "%v\n%s", <-p.ended, p.log)
		}
	}
	p.client.CloseIdleConnections()
	p.requireSound()
	if log := p.log.String(); p.t.Failed() {
		p.t.Logf("the log of %s ends:\n%s", p.base, log[max(0, len(log)-4000):])
	}
}

// requireSound looks through the log for what an instance must never have.
func (p *process) requireSound() {
	p.t.Helper()
	require.NotContains(p.t, p.log.String(), "DATA RACE")
	require.NotContains(p.t, p.log.String(), "panic")
}

// kill ends the process as a crash would.
func (p *process) kill() {
	p.t.Helper()
	p.over = true
	p.signal(syscall.SIGKILL)
	require.Error(p.t, <-p.ended)
	p.requireSound()
}

// pause stops the process, as a machine that is out of breath does.
func (p *process) pause() { p.signal(syscall.SIGSTOP) }

func (p *process) resume() { p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(p.t, err)
	}
}

// ask returns the answer to GET /data/key. It may be called from any goroutine:
// a request without an answer is a reply of status 0, with the error as its body.
func (p *process) ask(key string, headers ...string) reply {
	return p.send(http.MethodGet, key, "", headers...)
}

// put and remove write, and fail the test unless that is answered as done.
func (p *process) put(key, value string, headers ...string) {
	p.t.Helper()
	r := p.send(http.MethodPut, key, value, headers...)
	require.Equal(p.t, http.StatusNoContent, r.status, r.body)
}

func (p *process) remove(key string) {
	p.t.Helper()
	r := p.send(http.MethodDelete, key, "")
	require.Equal(p.t, http.StatusNoContent, r.status, r.body)
}

// send sends a request with the token and with headers, given as names and values in
// turn.
func (p *process) send(method, key, body string, headers ...string) reply {
	return p.do(method, "/data/"+key, body, headers...)
}

func (p *process) do(method, path, body string, headers ...string) reply {
	began := time.Now()
	req, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		return reply{body: err.Error()}
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return reply{body: err.Error(), took: time.Since(began)}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{body: err.Error(), took: time.Since(began)}
	}
	return reply{resp.StatusCode, resp.Header, string(got), time.Since(began)}
}
