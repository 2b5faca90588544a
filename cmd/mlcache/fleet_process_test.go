package main

import (
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/mlcache/prove"
)

// childVariable turns the test binary into the program, see TestMain. So the instances
// of a fleet are built as the tests are, -race included.
const childVariable = "MLCACHE_TEST_CHILD"

// secret is the token of the fleets.
const secret = prove.Token

// patience is how long a single call may take, on a machine that is busy with other
// things.
const patience = 5 * time.Minute

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

// process is an instance that is a process of its own.
type process struct {
	*instance
	*prove.Process
}

// testProgram is this test binary, run as the program with these variables in its
// environment besides.
func testProgram(path string, set ...string) prove.Program {
	return prove.Program{Path: path, Environment: append([]string{childVariable + "=1", "GORACE=atexit_sleep_ms=0"}, set...)}
}

// launch starts n instances with these flags, which end with the test.
func launch(t *testing.T, n int, flags []string) []*process {
	t.Helper()
	return launchOf(t, testProgram(os.Args[0]), n, flags)
}

// launchOf does that with another program.
func launchOf(t *testing.T, program prove.Program, n int, flags []string) []*process {
	t.Helper()
	processes := make([]*process, n)
	for i, p := range prove.Launch(t, program, n, flags...) {
		processes[i] = &process{&instance{t: t, base: p.Base, client: p.Client}, p}
		t.Cleanup(func() {
			if log := p.Log(); t.Failed() {
				t.Logf("the log of %s ends:\n%s", p.Base, log[max(0, len(log)-4000):])
			}
		})
	}
	return processes
}

// launchWith starts an instance with these variables in its environment.
func launchWith(t *testing.T, settings map[string]string) *process {
	t.Helper()
	var set []string
	for name, value := range settings {
		set = append(set, name+"="+value)
	}
	return launchOf(t, testProgram(os.Args[0], set...), 1, nil)[0]
}

// restart starts an instance that was killed.
func (p *process) restart() {
	p.t.Helper()
	p.Restart()
	if p.base != p.Base { // not written while it is used
		p.base = p.Base
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
	r := p.Do(method, path, body, headers...)
	return reply{r.Status, r.Header, r.Body, r.Took}
}
