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
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	errorPrefix = "peers: "
	// childFlag is the first argument of the processes that do the work.
	childFlag = "-job"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s%v\n", errorPrefix, err)
		os.Exit(1)
	}
}

// run does what the arguments say, and tells on progress how far it is. It
// stops at the first error with nothing printed.
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
	if _, err := fmt.Fprintln(out, c.heading(chosen)); err != nil {
		return err
	}
	for _, t := range results.tables(c, chosen) {
		if err := t.write(out, c.format); err != nil {
			return err
		}
	}
	return nil
}

var allParts = []string{jobSpeed, jobInterned, jobMemory, jobChecks}

// config is the command line.
type config struct {
	cpus   []int
	rounds int
	only   string
	parts  []string
	format string
	sizes  sizes
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	cpus := flags.String("cpu", "1,2,8", "`values` of GOMAXPROCS to measure speed with; so many goroutines run")
	parts := flags.String("parts", strings.Join(allParts, ","), "what to measure")
	flags.IntVar(&c.rounds, "rounds", 7, "how often each figure is measured")
	flags.StringVar(&c.only, "only", "", "regular `expression` of candidates to compare with; all if empty")
	flags.StringVar(&c.format, "format", formatText, "text or markdown")
	flags.DurationVar(&c.sizes.BenchTime, "benchtime", 150*time.Millisecond, "how long each workload but read-through runs")
	flags.IntVar(&c.sizes.Requests, "requests", 400_000, "of read-through, after as many again to warm up")
	flags.IntVar(&c.sizes.Capacity, "capacity", 100_000, "of each cache, in entries")
	flags.IntVar(&c.sizes.Keys, "keys", 1_000_000, "that requests are for")
	flags.IntVar(&c.sizes.Entries, "entries", 1_000_000, "that memory is measured with")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(usage)
			flags.Usage()
		}
		return c, err
	}
	if c.cpus, err = numbers(*cpus); err != nil {
		return c, fmt.Errorf("-cpu: %w", err)
	}
	c.parts = strings.Split(*parts, ",")
	return c, c.validate(flags.Args())
}

func (c config) validate(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("%q is too much, there are only flags", rest[0])
	}
	for _, part := range c.parts {
		if !slices.Contains(allParts, part) {
			return fmt.Errorf("-parts has %q, must be one or several of %s", part, strings.Join(allParts, ","))
		}
	}
	s := c.sizes
	switch {
	case c.format != formatText && c.format != formatMarkdown:
		return fmt.Errorf("-format is %q, must be %s or %s", c.format, formatText, formatMarkdown)
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

// numbers reads numbers from 1 up that are separated by commas.
func numbers(list string) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a whole number from 1 up", text)
		}
		all = append(all, n)
	}
	return all, nil
}
