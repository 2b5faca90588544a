// Command stampede puts loaders that many processes share into the same
// situations and counts what reaches the source: ours, as a Go package, beside
// other libraries for Go and a lock written by hand.
//
//	go run ./stampede
//	go run ./stampede -rounds 1 -only 'ours|lock' -rows 'cold|killed'
//	go run ./stampede -format markdown
//
// For each cell a redis-server, three processes with the loader and, for each of
// them, a link to Redis that can be cut are started anew. Calls of the source are
// counted at the source, which is this program; its answers take the same time for
// all. Loaders take turns in each round. Times need a machine where nothing else
// runs; counts do not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/cli"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/rounds"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

const (
	command = "stampede"
	// childFlag is the first argument of the processes that have a loader.
	childFlag = "-instance"
)

func main() { cli.Main(command, run) }

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	if len(args) == 2 && args[0] == childFlag {
		return serve(ctx, args[1], rivals())
	}
	c, err := parse(args, progress)
	if err != nil {
		return err
	}
	rows, chosen, err := c.choose(scenarios(), rivals())
	if err != nil {
		return err
	}
	b := &bench{config: c}
	if b.redis, err = exec.LookPath("redis-server"); err != nil {
		return errors.New("no redis-server in PATH (Debian: apt-get install redis-server)")
	}
	if b.dir, err = os.MkdirTemp("", "stampede-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	found, err := b.compare(ctx, rows, chosen, progress)
	if err != nil {
		return err
	}
	return table.Print(out, c.format, b.heading(ctx, chosen), found.table(c, rows, chosen))
}

// config is the command line.
type config struct {
	rounds       int
	trials       int
	callers      int
	latency      time.Duration
	ttl          time.Duration
	redisTimeout time.Duration
	only, rows   string
	format       table.Format
}

func parse(args []string, usage io.Writer) (c config, err error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.IntVar(&c.rounds, "rounds", 3, "how often each cell is measured")
	flags.IntVar(&c.trials, "trials", 20, "keys of a measurement, where one takes no longer than a load")
	flags.IntVar(&c.callers, "callers", 999, "that want a key at the same time, on all processes together")
	flags.DurationVar(&c.latency, "latency", 200*time.Millisecond, "of the source")
	flags.DurationVar(&c.ttl, "ttl", 10*time.Second, "of values, in all layers, in whole seconds")
	flags.DurationVar(&c.redisTimeout, "redis-timeout", 100*time.Millisecond, "of a call of Redis, in all loaders")
	flags.StringVar(&c.only, "only", "", "regular `expression` of loaders to compare; all if empty")
	flags.StringVar(&c.rows, "rows", "", "regular `expression` of situations, by their short names; all if empty")
	c.format = table.Text
	flags.Var(&c.format, "format", "text or markdown")
	if err := cli.ParseAll(flags, args, usage); err != nil {
		return c, err
	}
	switch {
	case c.rounds < 1 || c.trials < 1:
		return c, errors.New("-rounds and -trials must be at least 1")
	case c.callers < instances:
		return c, fmt.Errorf("-callers is %d, must be at least one for each of %d processes", c.callers, instances)
	case c.latency < 10*time.Millisecond || c.latency > time.Second:
		return c, fmt.Errorf("-latency is %v, must be from 10ms to 1s", c.latency)
	case c.redisTimeout < time.Millisecond:
		return c, fmt.Errorf("-redis-timeout is %v, must be at least 1ms", c.redisTimeout)
	case c.ttl < 5*time.Second || c.ttl%time.Second != 0:
		return c, fmt.Errorf("-ttl is %v, must be whole seconds from 5 up", c.ttl)
	}
	return c, nil
}

// choose returns the rows and columns that the flags name.
func (c config) choose(rows []scenario, columns []rival) (situations []scenario, loaders []rival, err error) {
	only, err := regexp.Compile(c.only)
	if err != nil {
		return nil, nil, fmt.Errorf("-only: %w", err)
	}
	those, err := regexp.Compile(c.rows)
	if err != nil {
		return nil, nil, fmt.Errorf("-rows: %w", err)
	}
	for _, s := range rows {
		if those.MatchString(s.id) {
			situations = append(situations, s)
		}
	}
	for _, r := range columns {
		if only.MatchString(r.name) {
			loaders = append(loaders, r)
		}
	}
	if len(situations) == 0 || len(loaders) == 0 {
		return nil, nil, errors.New("-only and -rows leave nothing to compare")
	}
	return situations, loaders, nil
}

// bench is what all measurements share.
type bench struct {
	config
	redis string // the program
	dir   string // for its files
}

// cell is one of the table's.
type cell struct {
	scenario scenario
	rival    rival
}

// compare measures all cells, in turns. A loader that does not do by design what a
// row is about is not asked.
func (b *bench) compare(ctx context.Context, rows []scenario, columns []rival, progress io.Writer) (results, error) {
	var cells []cell
	for _, s := range rows {
		for _, r := range columns {
			if r.without[s.id] == "" {
				cells = append(cells, cell{s, r})
			}
		}
	}
	found := results{}
	return found, rounds.Run(b.rounds, cells, func(round int, c cell) error {
		o, err := b.measure(ctx, c)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", c.rival.name, c.scenario.id, err)
		}
		found.add(c, o)
		io.WriteString(progress, fmt.Sprintf("round %d of %d: %s: %s: %s\n", round+1, b.rounds, c.rival.name, c.scenario.id, c.scenario.cell(b.config, o)))
		return nil
	})
}
