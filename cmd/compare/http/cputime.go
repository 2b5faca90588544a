package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc, on whatever Linux.
const clockTick = 10 * time.Millisecond

// usage is what /proc/<pid>/stat says of a process.
type usage struct {
	pid, parent int
	cpu         time.Duration // of all its threads, user and system
}

// parseStat reads a line of /proc/<pid>/stat. The name in it may contain anything.
func parseStat(line string) (u usage, err error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return u, fmt.Errorf("%q is no line of /proc/<pid>/stat", line)
	}
	fields := strings.Fields(line[end+1:]) // from the third on: state, parent, …, utime, stime
	if len(fields) < 13 {
		return u, fmt.Errorf("%q is no line of /proc/<pid>/stat", line)
	}
	var numbers [4]int
	for i, text := range []string{strings.TrimSpace(line[:open]), fields[1], fields[11], fields[12]} {
		if numbers[i], err = strconv.Atoi(text); err != nil {
			return u, fmt.Errorf("/proc/<pid>/stat: %w", err)
		}
	}
	return usage{numbers[0], numbers[1], time.Duration(numbers[2]+numbers[3]) * clockTick}, nil
}

// cpuOf returns the CPU time that a process and its descendants took so far; 0
// where the system does not tell.
func cpuOf(pid int) time.Duration {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	all := make([]usage, 0, len(files))
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		if u, err := parseStat(string(line)); err == nil {
			all = append(all, u)
		}
	}
	return treeCPU(all, pid)
}

// treeCPU sums up over a process and its descendants.
func treeCPU(all []usage, root int) (sum time.Duration) {
	for _, u := range all {
		switch root {
		case u.pid:
			sum += u.cpu
		case u.parent:
			sum += treeCPU(all, u.pid)
		}
	}
	return sum
}
