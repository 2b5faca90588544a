// Command scale computes what a fleet of instances asks of Redis and of the
// source, by simulation in virtual time.
//
//	go run ./scale
//	go run ./scale -rate 50000 -l1 10000 -instances 1,4,16 -format markdown
//	go run ./scale -l2 200000
//	go run ./scale -svg ../../../docs
//
// Requests come at random, at -rate a second in all, for keys by Zipf's law, and
// each to an instance at random. A request is answered from the L1 of its
// instance, else from the L2 that all share, else by a call of the source, which
// fills both. The first table varies instances and the size of L1; the second, the
// rate. Equal flags, the seed included, give equal output.
//
// What is left out: a load takes no time, so nobody joins one or waits for a
// lease; nothing is loaded ahead of time, written or deleted; all values are of
// one size. L1 is one exact list and not the cache of package lru, whose clock is
// the real one.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// run does what the arguments say: it prints the tables, and draws if it is told
// where.
func run(args []string, out, usage io.Writer) error {
	c, err := parse(args, usage)
	if err != nil {
		return err
	}
	s := c.study()
	for _, t := range s.tables() {
		if err := t.write(out, c.format); err != nil {
			return err
		}
	}
	if c.svg == "" {
		return nil
	}
	return s.draw(c.svg)
}

const (
	formatText     = "text"
	formatMarkdown = "markdown"
)

// config is the command line.
type config struct {
	demand    demand
	rates     []int
	l1        []int
	l2        int
	instances []int
	format    string
	svg       string
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	d := &c.demand
	flags.IntVar(&d.rate, "rate", 10_000, "requests a second, of all instances together")
	flags.IntVar(&d.keys, "keys", 1_000_000, "that requests are for")
	flags.Float64Var(&d.exponent, "exponent", 1.01, "of Zipf's law")
	flags.DurationVar(&d.ttl, "ttl", 30*time.Second, "life of an entry")
	flags.Uint64Var(&d.seed, "seed", 1, "of all that is random")
	l1 := flags.String("l1", "1000,10000,100000", "`entries` that the L1 of an instance has room for; 0 turns it off")
	flags.IntVar(&c.l2, "l2", 0, "`entries` that L2 has room for; 0 is no bound")
	instances := flags.String("instances", "1,2,5,10,20,50,100", "how many there are")
	rates := flags.String("rates", "1000,2000,5000,10000,20000,50000", "`requests` a second of the second table, for the middle ones of -instances and -l1")
	flags.StringVar(&c.format, "format", formatText, "text or markdown")
	flags.StringVar(&c.svg, "svg", "", "`folder` to draw scaling-*.svg in")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(usage)
			flags.Usage()
		}
		return c, err
	}
	if c.l1, err = numbers(*l1, 0); err != nil {
		return c, fmt.Errorf("-l1: %w", err)
	}
	if c.instances, err = numbers(*instances, 1); err != nil {
		return c, fmt.Errorf("-instances: %w", err)
	}
	if c.rates, err = numbers(*rates, 1); err != nil {
		return c, fmt.Errorf("-rates: %w", err)
	}
	return c, c.validate(flags.Args())
}

// These keep a run within some gigabytes.
const (
	mostRequests  = 1 << 26
	mostInstances = 10_000
)

func (c config) validate(rest []string) error {
	d := c.demand
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is too much, there are only flags", rest[0])
	case c.format != formatText && c.format != formatMarkdown:
		return fmt.Errorf("-format is %q, must be %s or %s", c.format, formatText, formatMarkdown)
	case d.keys < 1 || d.keys > 1<<26:
		return fmt.Errorf("-keys is %d, must be from 1 to 2^26", d.keys)
	case !(d.exponent >= 0 && d.exponent <= 10):
		return fmt.Errorf("-exponent is %v, must be from 0 to 10", d.exponent)
	case c.l2 < 0:
		return fmt.Errorf("-l2 is %d, must not be negative", c.l2)
	case slices.Max(c.instances) > mostInstances:
		return fmt.Errorf("-instances has %d, must be up to %d", slices.Max(c.instances), mostInstances)
	}
	for _, rate := range append([]int{d.rate}, c.rates...) {
		d.rate = rate
		if n := d.requests(); n < 100 || n > mostRequests {
			return fmt.Errorf("-rate %d with -ttl %v makes %.0f requests, must be from 100 to 2^26", rate, d.ttl, n)
		}
	}
	return nil
}

// numbers reads numbers from least up that are separated by commas.
func numbers(list string, least int) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(text, 10, 31)
		if err != nil || int(n) < least {
			return nil, fmt.Errorf("%q is not a whole number from %d up", text, least)
		}
		all = append(all, int(n))
	}
	return all, nil
}
