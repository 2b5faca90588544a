package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// config is the command line.
type config struct {
	rounds           int
	duration, warmup time.Duration
	connections      int
	threads          int
	only             string
	format           string
	binary           string
	pin              bool
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&c.rounds, "rounds", 5, "how often each server is measured")
	flags.DurationVar(&c.duration, "duration", 3*time.Second, "of each measurement, in whole seconds")
	flags.DurationVar(&c.warmup, "warmup", time.Second, "load before each measurement, in whole seconds")
	flags.IntVar(&c.connections, "connections", 64, "that wrk keeps open")
	flags.IntVar(&c.threads, "threads", 2, "of wrk")
	flags.StringVar(&c.only, "only", "", "regular `expression` of rows to measure; all if empty")
	flags.StringVar(&c.format, "format", formatText, "text or markdown")
	flags.StringVar(&c.binary, "binary", "", "of the service; built from this repository if empty")
	flags.BoolVar(&c.pin, "pin", true, "servers on the first half of the CPUs, wrk on the second, by taskset")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(usage)
			flags.Usage()
		}
		return c, err
	}
	return c, c.validate(flags.Args())
}

func (c config) validate(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is too much, there are only flags", rest[0])
	case c.format != formatText && c.format != formatMarkdown:
		return fmt.Errorf("-format is %q, must be %s or %s", c.format, formatText, formatMarkdown)
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
