package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// placement says on which CPUs the two sides work. Without taskset that is "".
type placement struct {
	taskset       string
	servers, load []int
}

// place halves the CPUs that this process may use, if that is wanted and can be
// done; else both sides get them all.
func place(pin bool, taskset string) placement {
	all := allowedCPUs()
	if !pin || taskset == "" || len(all) < 2 {
		return placement{servers: all, load: all}
	}
	return placement{taskset, all[:len(all)/2], all[len(all)/2:]}
}

// on returns the command that runs argv on those CPUs only. taskset becomes the
// command, so that the process id remains.
func (p placement) on(cpus []int, argv []string) []string {
	if p.taskset == "" {
		return argv
	}
	return slices.Concat([]string{p.taskset, "-c", list(cpus)}, argv)
}

// confine puts this process to the side of the load.
func (p placement) confine(ctx context.Context) error {
	if p.taskset == "" {
		return nil
	}
	said, err := exec.CommandContext(ctx, p.taskset, "-a", "-c", "-p", list(p.load), strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, said)
	}
	return nil
}

// allowedCPUs returns the numbers of the CPUs that this process may use; none
// where the system does not tell.
func allowedCPUs() []int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			all, _ := parseCPUs(strings.TrimSpace(text))
			return all
		}
	}
	return nil
}

// parseCPUs reads a list such as 0-2,5.
func parseCPUs(text string) (all []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("%q is no list of CPUs", text)
		}
		last, err := strconv.Atoi(to)
		if err != nil || last < first {
			return nil, fmt.Errorf("%q is no list of CPUs", text)
		}
		for n := first; n <= last; n++ {
			all = append(all, n)
		}
	}
	return all, nil
}

func list(cpus []int) string {
	all := make([]string, len(cpus))
	for i, n := range cpus {
		all[i] = strconv.Itoa(n)
	}
	return strings.Join(all, ",")
}
