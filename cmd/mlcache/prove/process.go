package prove

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// Token is what the instances take writes with.
const Token = "the-token-of-this-proof"

// Program is what instances run.
type Program struct {
	Path        string
	Environment []string // besides that of this process, without its settings of mlcache
}

// Process is an instance that is a process of its own, so that it can be killed
// and paused as the system may. Its methods may be called from any goroutine, except
// those that start and end it.
type Process struct {
	// Base is the URL that it listens at.
	Base string
	// Client is what its methods send requests with.
	Client *http.Client
	// Over says that it has ended, or was killed.
	Over bool

	t       cachetest.T
	program Program
	flags   []string
	cmd     *exec.Cmd
	log     *os.File   // to which the instance itself writes, so that a line is there when it goes on
	ended   chan error // gets what Wait returned
}

// Launch starts n instances with these flags, which end with t, and returns when they
// listen.
func Launch(t cachetest.T, program Program, n int, flags ...string) []*Process {
	t.Helper()
	processes := make([]*Process, n)
	for i := range processes {
		processes[i] = &Process{t: t, program: program, flags: flags, Client: &http.Client{
			Timeout:   10 * time.Minute, // longer than any answer may take
			Transport: &http.Transport{MaxIdleConnsPerHost: 1000},
		}}
		processes[i].begin()
		t.Cleanup(processes[i].End)
	}
	for _, p := range processes {
		p.awaitListening()
	}
	return processes
}

// Restart starts an instance that was killed. Other methods may be called meanwhile if
// it has a port of its own among its flags.
func (p *Process) Restart() {
	p.t.Helper()
	p.begin()
	p.awaitListening()
}

func (p *Process) begin() {
	p.t.Helper()
	log, err := os.CreateTemp(p.t.TempDir(), "log")
	must(p.t, err)
	p.t.Cleanup(func() { log.Close() })
	p.log, p.Over = log, false
	p.cmd = exec.Command(p.program.Path, append([]string{"serve", "--addr=127.0.0.1:0"}, p.flags...)...)
	p.cmd.Env = append(withoutSettings(os.Environ()), p.program.Environment...)
	p.cmd.Stderr = p.log
	_, err = p.cmd.StdinPipe() // which stays open until this process has ended
	if err == nil {
		err = p.cmd.Start()
	}
	must(p.t, err)
	cmd, ended := p.cmd, make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p.ended = ended
}

// withoutSettings leaves out what the user's environment says to the program: an
// instance has no settings but its flags.
func withoutSettings(environment []string) []string {
	return slices.DeleteFunc(environment, func(pair string) bool {
		return strings.HasPrefix(pair, "MLCACHE_") || strings.HasPrefix(pair, "OTEL_")
	})
}

func (p *Process) awaitListening() {
	p.t.Helper()
	cachetest.Eventually(p.t, "an instance listens", func() bool {
		_, rest, found := strings.Cut(p.Log(), "msg=listening addr=")
		address, _, whole := strings.Cut(rest, " ")
		if base := "http://" + address; found && whole && base != p.Base { // not written while it is used
			p.Base = base
		}
		return found && whole
	})
}

// End stops the process as SIGTERM does, and checks that it ended well.
func (p *Process) End() {
	p.t.Helper()
	if !p.Over {
		p.Over = true
		p.Resume()
		p.Signal(syscall.SIGTERM)
		select {
		case err := <-p.ended:
			if err != nil {
				p.t.Errorf("an instance ends with %v:\n%s", err, p.Log())
			}
		case <-time.After(5 * time.Minute):
			p.Signal(syscall.SIGQUIT) // which has it print its goroutines
			p.t.Errorf("an instance does not end: %v\n%s", <-p.ended, p.Log())
		}
	}
	p.Client.CloseIdleConnections()
	p.requireSound()
}

// requireSound looks through the log for what an instance must never have.
func (p *Process) requireSound() {
	p.t.Helper()
	for _, never := range []string{"DATA RACE", "panic"} {
		if log := p.Log(); strings.Contains(log, never) {
			p.t.Errorf("an instance has a %s:\n%s", never, log)
		}
	}
}

// Log returns what it has logged since it was started last.
func (p *Process) Log() string {
	said, err := os.ReadFile(p.log.Name())
	must(p.t, err)
	return string(said)
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process as a crash would.
func (p *Process) Kill() {
	p.t.Helper()
	p.Over = true
	p.Signal(syscall.SIGKILL)
	if err := <-p.ended; err == nil {
		p.t.Errorf("an instance had ended before it was killed")
	}
	p.requireSound()
}

// Pause stops the process, as a machine does that is out of breath.
func (p *Process) Pause() { p.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() { p.Signal(syscall.SIGCONT) }

// Signal sends the process a signal, unless it has ended.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		must(p.t, err)
	}
}

func must(t cachetest.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%v", err)
		t.FailNow()
	}
}
