package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// The kinds of jobs.
const (
	jobSpeed    = "speed"
	jobInterned = "interned" // speed, with interned data
	jobMemory   = "memory"
	jobChecks   = "checks"
)

// job is what a process of its own does for one candidate, so that no heap and
// no goroutine that a candidate leaves behind is another's.
type job struct {
	Kind      string
	Candidate string
	Sizes     sizes
	CPUs      []int // for speed and interned, in this order
}

// report is what came out. Only the part that was asked for is set.
type report struct {
	Figures  []figure
	Memory   memory
	Promises promises
}

// do does a job in this process.
func (j job) do(all []candidate) (r report, err error) {
	c, err := find(all, j.Candidate)
	if err != nil {
		return r, err
	}
	switch j.Kind {
	case jobSpeed:
		r.Figures, err = speed(c, j.Sizes, j.CPUs, newData)
	case jobInterned:
		r.Figures, err = speed(c, j.Sizes, j.CPUs, newInterned)
	case jobMemory:
		r.Memory, err = measureMemory(c, j.Sizes)
	case jobChecks:
		r.Promises, err = check(c, j.Sizes)
	default:
		err = fmt.Errorf("there is no job %q", j.Kind)
	}
	if err != nil {
		return r, fmt.Errorf("%s, %s: %w", j.Candidate, j.Kind, err)
	}
	return r, nil
}

// doElsewhere does a job in a process of its own, which must have ended before
// the next begins. It fails with that process's error, or when ctx ends.
func (j job) doElsewhere(ctx context.Context) (r report, err error) {
	order, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	argv, err := process.Self(childFlag, string(order))
	if err != nil {
		return r, err
	}
	var failure strings.Builder
	child := exec.CommandContext(ctx, argv[0], argv[1:]...)
	child.Stderr = &failure
	out, err := child.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); failed && failure.Len() > 0 {
		err = errors.New(strings.TrimSpace(strings.TrimPrefix(failure.String(), command+": ")))
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("%s, %s: its report: %w", j.Candidate, j.Kind, err)
	}
	return r, nil
}

// serve does the job that order describes and writes the report.
func serve(order string, out io.Writer) error {
	var j job
	if err := json.NewDecoder(bytes.NewBufferString(order)).Decode(&j); err != nil {
		return fmt.Errorf("%s: %w", childFlag, err)
	}
	r, err := j.do(candidates())
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}
