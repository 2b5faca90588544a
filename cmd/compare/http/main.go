// Command http measures the service beside other ways to answer the same
// request: nginx, Varnish, a bare Gin handler, and one with a Redis client.
//
//	go run ./http
//	go run ./http -rounds 1 -duration 1s -only 'bare Gin$|ours, L1'
//	go run ./http -format markdown
//
// In each round every server is started anew on a port of the loopback, with a
// configuration of its own in a temporary folder, asked by wrk and ended again,
// in an order that changes from round to round; what is printed is the median
// of the rounds. Quote the ratios: times are the machine's. They can be trusted
// only if nothing else runs meanwhile.
//
// That each server answers with the right bytes, and does so without asking the
// origin, is checked before and after. An answer that is no success, a broken
// connection or a question to the origin ends the program with status 1; a goal
// that is not reached does not.
package main

import (
	"context"
	"errors"
	"io"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/cli"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

func main() { cli.Main(name, run) }

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	if len(args) == 2 && args[0] == childFlag {
		return serveBare(ctx, args[1])
	}
	c, err := parse(args, progress)
	if err != nil {
		return err
	}
	chosen, err := choose(subjects(), c.only)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	chosen, missing := b.tools.able(chosen)
	io.WriteString(progress, missing)
	if len(chosen) == 0 {
		return errors.New("nothing is left to measure")
	}
	if err := b.prepare(ctx, chosen, progress); err != nil {
		return err
	}
	all, err := c.compare(ctx, chosen, progress, b.measure)
	if err != nil {
		return err
	}
	return table.Print(out, c.format, b.heading(missing), all.tables(chosen, len(b.cpus.servers))...)
}
