package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/rounds"
)

// results are the outcomes of all rounds, by the subject's name.
type results map[string][]outcome

// compare has all subjects measured, in turns.
func (c config) compare(ctx context.Context, chosen []subject, progress io.Writer,
	measure func(context.Context, subject) (outcome, error)) (results, error) {
	all := results{}
	return all, rounds.Run(c.rounds, chosen, func(round int, s subject) error {
		o, err := measure(ctx, s)
		if err != nil {
			return err
		}
		io.WriteString(progress, fmt.Sprintf("round %d of %d: %s: %.0f requests/s, p99 %.2f ms, CPU %.1f µs\n",
			round+1, c.rounds, s.name, perSecond(o), p99(o)/1e3, cpu(o)))
		all[s.name] = append(all[s.name], o)
		return nil
	})
}

// of returns the median of what pick takes from a subject's outcomes, and false
// if there are none.
func (r results) of(name string, pick func(outcome) float64) (float64, bool) {
	all := make([]float64, 0, len(r[name]))
	for _, o := range r[name] {
		all = append(all, pick(o))
	}
	return rounds.Median(all), len(all) > 0
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
