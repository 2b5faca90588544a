// Command scale computes what a fleet of instances asks of Redis and of the
// source, by simulation in virtual time.
//
//	go run ./scale
//	go run ./scale -rate 50000 -l1 10000 -instances 1,4,16 -format markdown
//	go run ./scale -l2 200000
//	go run ./scale -svg ../../docs
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
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/cli"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

const command = "scale"

func main() {
	cli.Main(command, func(_ context.Context, args []string, out, usage io.Writer) error { return run(args, out, usage) })
}

// run does what the arguments say: it prints the tables, and draws if it is told
// where.
func run(args []string, out, usage io.Writer) error {
	c, err := parse(args, usage)
	if err != nil {
		return err
	}
	s := c.study()
	if err := table.Print(out, c.format, "", s.tables()...); err != nil || c.svg == "" {
		return err
	}
	return s.draw(c.svg)
}

// config is the command line.
type config struct {
	demand    demand
	rates     []int
	l1        []int
	l2        int
	instances []int
	format    table.Format
	svg       string
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	d := &c.demand
	flags.IntVar(&d.rate, "rate", 10_000, "requests a second, of all instances together")
	flags.IntVar(&d.keys, "keys", 1_000_000, "that requests are for")
	flags.Float64Var(&d.exponent, "exponent", 1.01, "of Zipf's law")
	flags.DurationVar(&d.ttl, "ttl", 30*time.Second, "life of an entry")
	flags.Uint64Var(&d.seed, "seed", 1, "of all that is random")
	l1 := cli.Numbers{Least: 0, All: []int{1000, 10000, 100000}}
	flags.Var(&l1, "l1", "`entries` that the L1 of an instance has room for; 0 turns it off")
	flags.IntVar(&c.l2, "l2", 0, "`entries` that L2 has room for; 0 is no bound")
	instances := cli.Numbers{Least: 1, All: []int{1, 2, 5, 10, 20, 50, 100}}
	flags.Var(&instances, "instances", "`numbers` of them")
	rates := cli.Numbers{Least: 1, All: []int{1000, 2000, 5000, 10000, 20000, 50000}}
	flags.Var(&rates, "rates", "`requests` a second of the second table, for the middle ones of -instances and -l1")
	c.format = table.Text
	flags.Var(&c.format, "format", "text or markdown")
	flags.StringVar(&c.svg, "svg", "", "`folder` to draw scaling-*.svg in")
	if err := cli.ParseAll(flags, args, usage); err != nil {
		return c, err
	}
	c.l1, c.instances, c.rates = l1.All, instances.All, rates.All
	return c, c.validate()
}

// These keep a run within some gigabytes.
const (
	mostRequests  = 1 << 26
	mostInstances = 10_000
)

func (c config) validate() error {
	d := c.demand
	switch {
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
