package main

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/cli"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

const name = "http"

// config is the command line.
type config struct {
	rounds           int
	duration, warmup time.Duration
	connections      int
	threads          int
	only             string
	format           table.Format
	binary           string
	pin              bool
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.IntVar(&c.rounds, "rounds", 5, "how often each server is measured")
	flags.DurationVar(&c.duration, "duration", 3*time.Second, "of each measurement, in whole seconds")
	flags.DurationVar(&c.warmup, "warmup", time.Second, "load before each measurement, in whole seconds")
	flags.IntVar(&c.connections, "connections", 64, "that wrk keeps open")
	flags.IntVar(&c.threads, "threads", 2, "of wrk")
	flags.StringVar(&c.only, "only", "", "regular `expression` of rows to measure; all if empty")
	c.format = table.Text
	flags.Var(&c.format, "format", "text or markdown")
	flags.StringVar(&c.binary, "binary", "", "of the service; built from this repository if empty")
	flags.BoolVar(&c.pin, "pin", true, "servers on the first half of the CPUs, wrk on the second, by taskset")
	if err := cli.ParseAll(flags, args, usage); err != nil {
		return c, err
	}
	return c, c.validate()
}

func (c config) validate() error {
	switch {
	case c.rounds < 1:
		return fmt.Errorf("-rounds is %d, must be at least 1", c.rounds)
	case c.duration < time.Second || c.duration%time.Second != 0:
		return fmt.Errorf("-duration is %v, must be whole seconds from 1 up", c.duration)
	case c.warmup < 0 || c.warmup%time.Second != 0:
		return fmt.Errorf("-warmup is %v, must be whole seconds", c.warmup)
	case c.threads < 1 || c.connections < c.threads:
		return fmt.Errorf("-connections is %d and -threads %d, must be at least 1 a thread", c.connections, c.threads)
	}
	return nil
}
