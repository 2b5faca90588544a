package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/rounds"
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

// compare has the jobs done by do, in turns.
func (c config) compare(ctx context.Context, chosen []candidate, progress io.Writer,
	do func(job, context.Context) (report, error)) (all results, err error) {
	all = newResults()
	return all, rounds.Run(c.rounds, c.jobs(chosen), func(round int, j job) error {
		if j.Kind == jobChecks && round > 0 {
			return nil // nothing about them is a matter of degree
		}
		j.CPUs = rotated(c.cpus, round)
		io.WriteString(progress, fmt.Sprintf("round %d of %d: %s, %s\n", round+1, c.rounds, j.Kind, j.Candidate))
		r, err := do(j, ctx)
		if err == nil {
			all.add(j.Kind, j.Candidate, r)
		}
		return err
	})
}

// jobs returns what each round consists of.
func (c config) jobs(chosen []candidate) (all []job) {
	for _, part := range c.parts {
		for _, who := range chosen {
			if who.floor && (part == jobChecks || part != jobMemory && !slices.Contains(c.cpus, 1)) {
				continue
			}
			all = append(all, job{part, who.name, c.sizes, nil})
		}
	}
	return all
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
	return rounds.Median(all), len(all) > 0
}

func (r results) ofMemory(who string, pick func(memory) float64) (float64, bool) {
	all := make([]float64, 0, len(r.memory[who]))
	for _, m := range r.memory[who] {
		all = append(all, pick(m))
	}
	return rounds.Median(all), len(all) > 0
}
