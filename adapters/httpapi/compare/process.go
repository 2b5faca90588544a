package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long a process may take to end once it was asked to.
const grace = 5 * time.Second

// command is what starts a server.
type command struct {
	argv []string
	env  []string // beyond what all get
}

// process is a server that runs, with what it started itself. Its user stops it;
// the end of the context it was started with asks it to end as well, and so does
// the system should this program die.
type process struct {
	cmd   *exec.Cmd
	said  tail
	ended chan struct{}
}

func (c command) start(ctx context.Context) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, c.argv[0], c.argv[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(withoutSettings(), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = grace
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is of interest only if it was not to
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and returns when it is gone. It may be called again.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(grace):
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL) // its group: not waited for yet, so the number is still its own
		<-p.ended
	}
}

// failure returns the error of a process that ended unasked, nil while it runs.
func (p *process) failure() error {
	select {
	case <-p.ended:
		return fmt.Errorf("it ended with %v and said: %s", p.cmd.ProcessState, p.said.text())
	default:
		return nil
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

// self returns the command that runs this program once more, as a bare server.
func self(order string) ([]string, error) {
	path, err := os.Executable()
	return []string{path, childFlag, order}, err
}
