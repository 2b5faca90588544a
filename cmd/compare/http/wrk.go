package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// load is what wrk is told.
type load struct {
	connections, threads int
	duration             time.Duration
	script               string // its file, if any
	url                  string
}

func (l load) args() []string {
	args := []string{
		"-c", strconv.Itoa(l.connections), "-t", strconv.Itoa(l.threads),
		"-d", strconv.Itoa(int(l.duration/time.Second)) + "s", "--latency",
	}
	if l.script != "" {
		args = append(args, "-s", l.script)
	}
	return append(args, l.url)
}

// wrk puts a load on a server, from the CPUs of that side.
func (b *bench) wrk(ctx context.Context, l load) (measured, error) {
	argv := b.cpus.on(b.cpus.load, append([]string{b.tools[toolWrk]}, l.args()...))
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = process.OwnGroup()
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return measured{}, context.Cause(ctx)
	}
	if err != nil {
		return measured{}, fmt.Errorf("wrk: %w: %s", err, strings.TrimSpace(string(said)))
	}
	return parseWrk(string(said))
}

// measured is what wrk says.
type measured struct {
	requests  int
	perSecond float64
	p50, p99  time.Duration
}

// parseWrk reads what wrk prints with --latency. It fails if any request did.
func parseWrk(said string) (m measured, err error) {
	for _, bad := range []string{`Socket errors: .*`, `Non-2xx or 3xx responses: .*`} {
		if found := regexp.MustCompile(bad).FindString(said); found != "" {
			return m, errors.New("wrk: " + found)
		}
	}
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(said)
		if found == nil {
			err = errors.Join(err, fmt.Errorf("wrk: no %s in what it says: %q", pattern, said))
			return "0"
		}
		return found[1]
	}
	requests, perSecond := find(`(?m)^\s*(\d+) requests in `), find(`Requests/sec:\s*([\d.]+)`)
	p50, p99 := find(`(?m)^\s*50%\s+([\d.]+\w+)$`), find(`(?m)^\s*99%\s+([\d.]+\w+)$`)
	if err != nil {
		return m, err
	}
	var errs [4]error
	m.requests, errs[0] = strconv.Atoi(requests)
	m.perSecond, errs[1] = strconv.ParseFloat(perSecond, 64)
	m.p50, errs[2] = time.ParseDuration(p50) // its units are those of Go
	m.p99, errs[3] = time.ParseDuration(p99)
	if err := errors.Join(errs[:]...); err != nil {
		return m, fmt.Errorf("wrk: %w", err)
	}
	if m.requests == 0 {
		return m, errors.New("wrk: no request was answered")
	}
	return m, nil
}
