package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

// results are all figures of all rounds, by the candidate's name.
type results struct {
	figures  map[string]map[string][]figure // by the job before that
	memory   map[string][]memory
	promises map[string]promises
}

func newResults() results {
	return results{map[string]map[string][]figure{jobSpeed: {}, jobInterned: {}}, map[string][]memory{}, map[string]promises{}}
}

// compare has the jobs done by do, one after the other. The candidates take
// turns, so that what changes on the machine changes for all of them.
func (c config) compare(ctx context.Context, chosen []candidate, progress io.Writer,
	do func(job, context.Context) (report, error)) (results, error) {
	all := newResults()
	for round := range c.rounds {
		random := rand.New(rand.NewPCG(uint64(round), 0))
		for _, part := range c.parts {
			if part == jobChecks && round > 0 {
				continue // nothing about them is a matter of degree
			}
			io.WriteString(progress, fmt.Sprintf("round %d of %d: %s\n", round+1, c.rounds, part))
			cpus := rotated(c.cpus, round)
			for _, at := range random.Perm(len(chosen)) {
				who := chosen[at]
				if who.floor && (part == jobChecks || part != jobMemory && !slices.Contains(cpus, 1)) {
					continue
				}
				r, err := do(job{part, who.name, c.sizes, cpus}, ctx)
				if err != nil {
					return all, err
				}
				all.add(part, who.name, r)
			}
		}
	}
	return all, nil
}

func rotated(cpus []int, by int) []int {
	by %= len(cpus)
	return slices.Concat(cpus[by:], cpus[:by])
}

func (r results) add(part, who string, got report) {
	switch part {
	case jobSpeed, jobInterned:
		r.figures[part][who] = append(r.figures[part][who], got.Figures...)
	case jobMemory:
		r.memory[who] = append(r.memory[who], got.Memory)
	case jobChecks:
		r.promises[who] = got.Promises
	}
}

// ofFigures returns the median of what pick takes from the figures of a
// workload, and false if there are none.
func (r results) ofFigures(part, who, workload string, cpu int, pick func(figure) float64) (float64, bool) {
	var all []float64
	for _, f := range r.figures[part][who] {
		if f.Workload == workload && f.CPU == cpu {
			all = append(all, pick(f))
		}
	}
	return median(all), len(all) > 0
}

func (r results) ofMemory(who string, pick func(memory) float64) (float64, bool) {
	all := make([]float64, 0, len(r.memory[who]))
	for _, m := range r.memory[who] {
		all = append(all, pick(m))
	}
	return median(all), len(all) > 0
}
