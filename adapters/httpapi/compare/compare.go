package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

// results are the outcomes of all rounds, by the subject's name.
type results map[string][]outcome

// compare has all subjects measured, one after the other. They take turns, so
// that what changes on the machine changes for all of them.
func (c config) compare(ctx context.Context, chosen []subject, progress io.Writer,
	measure func(context.Context, subject) (outcome, error)) (results, error) {
	all := results{}
	for round := range c.rounds {
		random := rand.New(rand.NewPCG(uint64(round), 0))
		for _, at := range random.Perm(len(chosen)) {
			s := chosen[at]
			o, err := measure(ctx, s)
			if err != nil {
				return all, err
			}
			io.WriteString(progress, fmt.Sprintf("round %d of %d: %s: %.0f requests/s, p99 %.2f ms, CPU %.1f µs\n",
				round+1, c.rounds, s.name, perSecond(o), p99(o)/1e3, cpu(o)))
			all[s.name] = append(all[s.name], o)
		}
	}
	return all, nil
}

// of returns the median of what pick takes from a subject's outcomes, and false
// if there are none.
func (r results) of(name string, pick func(outcome) float64) (float64, bool) {
	all := make([]float64, 0, len(r[name]))
	for _, o := range r[name] {
		all = append(all, pick(o))
	}
	return median(all), len(all) > 0
}

// spread returns the difference between the most and the fewest requests per
// second of a subject, as a share of the median.
func (r results) spread(name string) float64 {
	by := func(a, b outcome) int { return cmp.Compare(a.perSecond, b.perSecond) }
	middle, ok := r.of(name, perSecond)
	if !ok || middle == 0 {
		return 0
	}
	return (slices.MaxFunc(r[name], by).perSecond - slices.MinFunc(r[name], by).perSecond) / middle
}

func median(all []float64) float64 {
	n := len(all)
	if n == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return (all[(n-1)/2] + all[n/2]) / 2
}

// busy returns how much of so many CPUs the server and Redis used, up to 1.
func (o outcome) busy(cpus int) float64 {
	return o.perSecond * (o.cpu + o.redisCPU).Seconds() / float64(cpus)
}

// What is taken from an outcome: times are in microseconds.

func perSecond(o outcome) float64 { return o.perSecond }
func p50(o outcome) float64       { return float64(o.p50.Nanoseconds()) / 1e3 }
func p99(o outcome) float64       { return float64(o.p99.Nanoseconds()) / 1e3 }
func cpu(o outcome) float64       { return float64(o.cpu.Nanoseconds()) / 1e3 }
func redisCPU(o outcome) float64  { return float64(o.redisCPU.Nanoseconds()) / 1e3 }
