// Command peers compares the cache of package lru with other caches written in
// Go: their speed, hit ratio, allocations, memory, cost for the garbage
// collector, and which promises they keep.
//
//	go run ./peers
//	go run ./peers -rounds 1 -cpu 2 -only 'otter|theine' -parts speed
//	go run ./peers -format markdown
//
// In each round every candidate is measured once, in a process of its own, in
// an order that changes from round to round; what is printed is the median of
// the rounds. Quote the ratios: times are the machine's. They can be trusted
// only if nothing else runs meanwhile, and -cpu does not exceed what there is,
// if it is not contention that shall be seen.
//
// Each value that comes back is checked to be that of its key: always while
// filling, one in 64 while measuring. A wrong one ends the program with status 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/cli"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

const (
	command = "peers"
	// childFlag is the first argument of the processes that do the work.
	childFlag = "-job"
)

func main() { cli.Main(command, run) }

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 2 && args[0] == childFlag {
		return serve(args[1], out)
	}
	c, err := parse(args, progress)
	if err != nil {
		return err
	}
	chosen, err := choose(candidates(), c.only)
	if err != nil {
		return err
	}
	results, err := c.compare(ctx, chosen, progress, job.doElsewhere)
	if err != nil {
		return err
	}
	return table.Print(out, c.format, c.heading(chosen), results.tables(c, chosen)...)
}

var allParts = []string{jobSpeed, jobInterned, jobMemory, jobChecks}

// config is the command line.
type config struct {
	cpus   []int
	rounds int
	only   string
	parts  []string
	format table.Format
	sizes  sizes
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	cpus := cli.Numbers{Least: 1, All: []int{1, 2, 8}}
	flags.Var(&cpus, "cpu", "`values` of GOMAXPROCS to measure speed with; so many goroutines run")
	parts := flags.String("parts", strings.Join(allParts, ","), "what to measure")
	flags.IntVar(&c.rounds, "rounds", 7, "how often each figure is measured")
	flags.StringVar(&c.only, "only", "", "regular `expression` of candidates to compare with; all if empty")
	c.format = table.Text
	flags.Var(&c.format, "format", "text or markdown")
	flags.DurationVar(&c.sizes.BenchTime, "benchtime", 150*time.Millisecond, "how long each workload but read-through runs")
	flags.IntVar(&c.sizes.Requests, "requests", 400_000, "of read-through, after as many again to warm up")
	flags.IntVar(&c.sizes.Capacity, "capacity", 100_000, "of each cache, in entries")
	flags.IntVar(&c.sizes.Keys, "keys", 1_000_000, "that requests are for")
	flags.IntVar(&c.sizes.Entries, "entries", 1_000_000, "that memory is measured with")
	if err := cli.ParseAll(flags, args, usage); err != nil {
		return c, err
	}
	c.cpus, c.parts = cpus.All, strings.Split(*parts, ",")
	return c, c.validate()
}

func (c config) validate() error {
	for _, part := range c.parts {
		if !slices.Contains(allParts, part) {
			return fmt.Errorf("-parts has %q, must be one or several of %s", part, strings.Join(allParts, ","))
		}
	}
	s := c.sizes
	switch {
	case c.rounds < 1:
		return fmt.Errorf("-rounds is %d, must be at least 1", c.rounds)
	case s.BenchTime <= 0:
		return fmt.Errorf("-benchtime is %v, must be more than 0", s.BenchTime)
	case s.Capacity < 1000 || s.Keys < s.Capacity || s.Entries < 1000 || max(s.Keys, s.Entries, s.Requests) > 1<<28:
		return errors.New("-capacity and -entries must be at least 1000, -keys not below -capacity, and none above 2^28")
	case s.Requests < batch:
		return fmt.Errorf("-requests is %d, must be at least %d", s.Requests, batch)
	}
	return nil
}
