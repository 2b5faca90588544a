package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// bench is what all measurements share. Its user closes it.
type bench struct {
	config config
	tools  toolset
	cpus   placement
	dir    string // for all files, removed in the end

	origin               origin
	sink                 sink
	originSite, sinkSite *site

	binary    string
	redis     *process.Process
	redisAddr string
	rivals    []string // with their versions
}

// newBench finds what there is on the machine and starts what the servers ask.
func newBench(ctx context.Context, c config) (b *bench, err error) {
	b = &bench{config: c, tools: findTools()}
	if b.tools[toolWrk] == "" {
		return nil, errors.New(missingTool(toolWrk))
	}
	b.cpus = place(c.pin, b.tools[toolTaskset])
	if b.dir, err = os.MkdirTemp("", "compare-"); err != nil {
		return nil, err
	}
	if b.originSite, err = newSite(ctx, &b.origin); err == nil {
		b.sinkSite, err = newSite(ctx, &b.sink)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// prepare builds the service, starts Redis if it is needed, and leaves the CPUs
// of the servers to them.
func (b *bench) prepare(ctx context.Context, chosen []subject, progress io.Writer) error {
	io.WriteString(progress, "building the service\n")
	if err := b.makeBinary(ctx); err != nil {
		return err
	}
	b.rivals = append(b.tools.versions(ctx), moduleVersions()...)
	if err := b.cpus.confine(ctx); err != nil {
		return err
	}
	if !slices.ContainsFunc(chosen, func(s subject) bool { return s.needs == toolRedis }) {
		return nil
	}
	if err := b.startRedis(ctx); err != nil {
		return fmt.Errorf("%s: %w", toolRedis, err)
	}
	return nil
}

// close ends what was started and removes all files.
func (b *bench) close() (err error) {
	if b.redis != nil {
		b.redis.Stop()
	}
	for _, s := range []*site{b.originSite, b.sinkSite} {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}
