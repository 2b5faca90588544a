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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

func main() {
	switch err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

// run does what the arguments say. It stops at the first error, with the rows
// before it printed.
func run(args []string, stdin io.Reader, stdout, usage io.Writer) error {
	c, err := parse(args, usage)
	if err != nil {
		return err
	}
	t := newTable(stdout, c.names())
	if c.synthetic {
		for _, s := range synthetics {
			if err := t.add(s.name, s.make(c.requests), c.capacities); err != nil {
				return err
			}
		}
	}
	for _, file := range c.files {
		requests, err := open(file, c.format, stdin)
		if err != nil {
			return err
		}
		if err := t.add(file, requests, c.capacities); err != nil {
			return err
		}
	}
	return nil
}

// config is the command line.
type config struct {
	capacities []int
	format     string
	synthetic  bool
	requests   int // of each built-in trace, about
	files      []string
}

const usageLine = "usage: replay -capacity N[,N...] [-format F] [-synthetic [-requests N]] [FILE...], where - is standard input\n"

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	capacity := flags.String("capacity", "", "`entries` that the caches have room for; several are separated by commas")
	flags.StringVar(&c.format, "format", formatAuto, "auto, lines or arc")
	flags.BoolVar(&c.synthetic, "synthetic", false, "replay the built-in traces, before the files")
	flags.IntVar(&c.requests, "requests", 1_000_000, "length of each built-in trace, about")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			io.WriteString(usage, usageLine)
			flags.SetOutput(usage)
			flags.PrintDefaults()
		}
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
	}
	c.capacities, err = parseCapacities(*capacity)
	return c, err
}

func parseCapacities(list string) (capacities []int, err error) {
	if list == "" {
		return nil, errors.New("-capacity is missing: say how many entries the caches have room for")
	}
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(text, 10, 31)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-capacity has %q, must be whole numbers from 1 up", text)
		}
		capacities = append(capacities, int(n))
	}
	return capacities, nil
}

// names returns what the rows will be called.
func (c config) names() (names []string) {
	if c.synthetic {
		for _, s := range synthetics {
			names = append(names, s.name)
		}
	}
	return append(names, c.files...)
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
