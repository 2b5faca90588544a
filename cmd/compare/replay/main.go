// Command replay runs traces of requests through the cache of package lru and
// prints its hit ratios, without and with admission, between those of an exact
// LRU and of the optimum.
//
//	go run ./replay -capacity 1000,10000 trace.gz other.lis.zst
//	zcat trace.gz | go run ./replay -capacity 1000 -
//	go run ./replay -capacity 1000 -synthetic
//
// A trace is text: one key a line (lines), or "start count ignored request" for
// the requests start, start+1, …, of which there are count (arc, the format of
// the traces published with N. Megiddo and D. Modha, "ARC: A self-tuning, low
// overhead replacement cache", FAST 2003). The first line tells which, unless
// -format does; empty lines are passed over. gzip, Zstandard and xz are undone,
// whatever the file's name.
//
// All keys weigh the same and nothing expires: what is compared is which keys
// are kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/cli"
)

const command = "replay"

func main() {
	cli.Main(command, func(_ context.Context, args []string, out, usage io.Writer) error {
		return run(args, os.Stdin, out, usage)
	})
}

// run does what the arguments say. It stops at the first error, with the tables
// before it printed.
func run(args []string, stdin io.Reader, out, usage io.Writer) error {
	c, err := parse(args, usage)
	if err != nil {
		return err
	}
	if c.synthetic {
		for _, s := range synthetics {
			if err := compare(out, s.name, s.make(c.requests), c.capacities.All); err != nil {
				return err
			}
		}
	}
	for _, file := range c.files {
		requests, err := open(file, c.format, stdin)
		if err != nil {
			return err
		}
		if err := compare(out, file, requests, c.capacities.All); err != nil {
			return err
		}
	}
	return nil
}

// config is the command line.
type config struct {
	capacities cli.Numbers
	format     string
	synthetic  bool
	requests   int // of each built-in trace, about
	files      []string
}

const usageLine = "usage: replay -capacity N[,N...] [-format F] [-synthetic [-requests N]] [FILE...], where - is standard input\n"

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	c.capacities.Least = 1
	flags.Var(&c.capacities, "capacity", "`entries` that the caches have room for; several are separated by commas")
	flags.StringVar(&c.format, "format", formatAuto, "auto, lines or arc")
	flags.BoolVar(&c.synthetic, "synthetic", false, "replay the built-in traces, before the files")
	flags.IntVar(&c.requests, "requests", 1_000_000, "length of each built-in trace, about")
	flags.Usage = func() {
		io.WriteString(flags.Output(), usageLine)
		flags.PrintDefaults()
	}
	if err := cli.Parse(flags, args, usage); err != nil {
		return c, err
	}
	c.files = flags.Args()
	switch {
	case len(c.files) == 0 && !c.synthetic:
		return c, errors.New("nothing to replay: name a file, - for standard input, or give -synthetic")
	case c.format != formatAuto && c.format != formatLines && c.format != formatARC:
		return c, fmt.Errorf("-format is %q, must be auto, lines or arc", c.format)
	case c.requests < 2 || c.requests > maxRequests/2:
		return c, fmt.Errorf("-requests is %d, must be from 2 to %d", c.requests, maxRequests/2)
	case len(c.capacities.All) == 0:
		return c, errors.New("-capacity is missing: say how many entries the caches have room for")
	}
	return c, nil
}

// synthetics are the built-in traces. They are made for capacities of some
// hundreds to some tens of thousands.
var synthetics = []struct {
	name string
	make func(n int) []uint64
}{
	{"zipf-0.7", func(n int) []uint64 { return trace.Zipf(1, 0.7, 100_000, n) }},
	{"zipf-1.0", func(n int) []uint64 { return trace.Zipf(1, 1, 100_000, n) }},
	{"loop", func(n int) []uint64 { return trace.Loop(20_000, n) }},
	{"scan", func(n int) []uint64 { return trace.WithScans(trace.Zipf(1, 0.9, 50_000, n*2/3), 20_000, 10_000) }},
	{"shift", func(n int) []uint64 { return trace.WithShifts(trace.Zipf(1, 0.9, 50_000, n), 50_000, 1_000) }},
}
