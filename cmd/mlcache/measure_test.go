//go:build measure

package main

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// What "make measure-fleet" prints: how long things take between processes of
// the real program on a real Redis. Only that each trial went as it should is
// asserted; how quick it was is for the reader, since machines differ.

// network is one between the instances and Redis, and how many trials it gets: fewer
// where each takes longer.
type network struct {
	rtt    time.Duration // 0: loopback
	trials int
	atOnce int // of these: far away, trials do little but wait
}

var networks = []network{
	{0, 200, 1},
	{5 * time.Millisecond, 100, 1},
	{20 * time.Millisecond, 100, 2},
	{50 * time.Millisecond, 60, 5},
}

// eachFleet measures over each network, with fleets of each of the sizes.
func eachFleet(t *testing.T, sizes []int, flags []string, measure func(f *fleet, n network)) {
	for _, n := range networks {
		for _, size := range sizes {
			f := n.start(t, size, flags)
			measure(f, n)
			for _, p := range f.members {
				p.End()
			}
		}
	}
}

// start starts a fleet with the L2 timeout that docs/networks.md recommends.
func (n network) start(t *testing.T, size int, flags []string) *fleet {
	t.Helper()
	flags = append(slices.Clone(flags), "--l2-timeout="+max(50*time.Millisecond, 3*n.rtt).String())
	if n.rtt == 0 {
		return startFleet(t, size, flags...)
	}
	f, _ := startFarFleet(t, n.rtt, size, flags...)
	return f
}

// try calls trial as often as there are to be trials, with the number of each.
func (n network) try(trial func(i int)) {
	for first := 0; first < n.trials; first += n.atOnce {
		var all sync.WaitGroup
		for i := range n.atOnce {
			all.Go(func() { trial(first + i) })
		}
		all.Wait()
	}
}

// figures are what was measured, of one kind.
type figures struct {
	mu  sync.Mutex
	all []time.Duration
}

func (f *figures) add(d time.Duration) {
	f.mu.Lock()
	f.all = append(f.all, max(0, d))
	f.mu.Unlock()
}

// summary returns how many figures there are, and the least that is not exceeded by
// half of them, by 99 % and by any.
func (f *figures) summary() (n int, p50, p99, most time.Duration) {
	slices.Sort(f.all)
	n = len(f.all)
	return n, f.all[n/2], f.all[n*99/100], f.all[n-1]
}

func printHead() {
	fmt.Print("\n| ms | round trip | trials | p50 | p99 | bound of p99 | max |\n|--|--:|--:|--:|--:|--:|--:|\n")
}

// print prints a row. A bound of 0 is none.
func (f *figures) print(what string, rtt, bound time.Duration) {
	n, p50, p99, most := f.summary()
	promised := "-"
	switch {
	case bound > 0 && p99 > bound:
		promised = fmt.Sprintf("%.1f, **missed**", inMillis(bound))
	case bound > 0:
		promised = fmt.Sprintf("%.1f", inMillis(bound))
	}
	fmt.Printf("| %s | %d | %d | %.2f | %.2f | %s | %.2f |\n", what, rtt.Milliseconds(), n, inMillis(p50), inMillis(p99), promised, inMillis(most))
}

func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
