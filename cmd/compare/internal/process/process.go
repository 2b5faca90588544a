// Package process runs the servers that are compared, and those that they need.
package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// grace is how long a process may take to end once it was asked to.
const grace = 5 * time.Second

// Command is what starts a server.
type Command struct {
	Argv []string
	Env  []string // beyond what all get
}

// Process is a server that runs, with what it started itself. Its user stops it;
// the end of the context it was started with asks it to end as well, and so does
// the system should this program die.
type Process struct {
	Ended chan struct{} // closed when it has ended
	cmd   *exec.Cmd
	said  tail
}

// Start starts a process without the settings that this one has for servers.
func (c Command) Start(ctx context.Context) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...), Ended: make(chan struct{})}
	p.cmd.Env = append(withoutSettings(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = OwnGroup()
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = grace
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is of interest only if it was not to
		close(p.Ended)
	}()
	return p, nil
}

// PID returns its number, which is also that of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the process to end and returns when it is gone. It may be called again.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.Ended:
	case <-time.After(grace):
		p.Kill()
	}
}

// Kill ends the process and its group without asking, and returns when it is gone.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // not waited for yet, so the number is still its own
	<-p.Ended
}

// Failure returns the error of a process that ended unasked, nil while it runs.
func (p *Process) Failure() error {
	select {
	case <-p.Ended:
		return fmt.Errorf("it ended with %v and said: %s", p.cmd.ProcessState, p.said.text())
	default:
		return nil
	}
}

// readyWithin is how long a server may take until it answers as it should.
const readyWithin = 15 * time.Second

// Within tries until it is done, the process has ended, or too much time has
// passed. The error is the last.
func (p *Process) Within(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not ready within %v", readyWithin))
	defer cancel()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // not that the time is up
		}
		select {
		case <-p.Ended:
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tail keeps the last of what a process says. It must not be read before the
// process has ended.
type tail struct{ kept []byte }

const tailBytes = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if excess := len(t.kept) - tailBytes; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	return len(b), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.kept)) }

// Self returns the arguments that run this program once more.
func Self(args ...string) ([]string, error) {
	path, err := os.Executable()
	return append([]string{path}, args...), err
}

// withoutSettings returns the environment without what would change how the
// servers work.
func withoutSettings() []string {
	settings := regexp.MustCompile(`^(MLCACHE_\w*|OTEL_\w*|GOMAXPROCS|GOGC|GOMEMLIMIT|GODEBUG|GIN_MODE)=`)
	return slices.DeleteFunc(os.Environ(), settings.MatchString)
}

// Loopback is an address with whichever port is free.
const Loopback = "127.0.0.1:0"

// FreeAddr returns an address on the loopback that nobody listens on.
func FreeAddr(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", Loopback)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
