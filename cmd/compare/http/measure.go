package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// outcome is what came out of one measurement.
type outcome struct {
	perSecond     float64
	p50, p99      time.Duration
	cpu, redisCPU time.Duration // per request
	loads         float64       // of slow keys, per second
}

// measure starts the server of a subject, puts the load on it and ends it.
func (b *bench) measure(ctx context.Context, s subject) (o outcome, err error) {
	traces := b.sink.got.Load()
	if o, err = b.withServer(ctx, s, b.measureOn); err != nil {
		return o, fmt.Errorf("%s: %w", s.name, err)
	}
	if s.traced && b.sink.got.Load() == traces {
		return o, fmt.Errorf("%s: no traces came", s.name)
	}
	return o, nil
}

// server is one that answers.
type server struct {
	*process.Process
	url string
	dir string
}

// withServer does something with the server of a subject, which has all keys and
// was seen to answer rightly.
func (b *bench) withServer(ctx context.Context, s subject, do func(context.Context, subject, server) (outcome, error)) (o outcome, err error) {
	dir, err := os.MkdirTemp(b.dir, "server-")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left goes with the folder above
	addr, err := process.FreeAddr(ctx)
	if err != nil {
		return o, err
	}
	c, err := s.command(b, dir, addr)
	if err != nil {
		return o, err
	}
	c.Argv = b.cpus.on(b.cpus.servers, c.Argv)
	p, err := c.Start(ctx)
	if err != nil {
		return o, err
	}
	defer p.Stop()
	it := server{p, "http://" + addr, dir}
	if err := b.warm(ctx, s, it); err != nil {
		return o, err
	}
	return do(ctx, s, it)
}

// warm has the server get the values of all keys, and waits until it answers
// with them by itself.
func (b *bench) warm(ctx context.Context, s subject, it server) error {
	client := newClient(1)
	defer client.CloseIdleConnections()
	for _, key := range s.asked() {
		err := it.Within(ctx, func(ctx context.Context) error { return b.check(ctx, client, s, it.url, key) })
		if err != nil {
			return err
		}
	}
	return nil
}

// check fails if the answer is not the value, or the origin was asked for it.
func (b *bench) check(ctx context.Context, client *http.Client, s subject, url, key string) error {
	before := b.origin.quick.Load()
	body, h, err := fetch(ctx, client, url+prefix+key)
	if err != nil {
		return err
	}
	switch status := h.Get("Cache-Status"); {
	case body != valueOf(key):
		return fmt.Errorf("the answer is not the value: %q", body)
	case s.detail != "" && !strings.HasSuffix(status, s.detail):
		return fmt.Errorf("it is no hit: %q has no %s", status, s.detail)
	case b.origin.quick.Load() != before:
		return errors.New("it is no hit: the origin was asked")
	}
	return nil
}

// measureOn puts the load on a server, once to warm up and once to measure.
func (b *bench) measureOn(ctx context.Context, s subject, it server) (o outcome, err error) {
	l := load{b.config.connections, b.config.threads, b.config.warmup, "", it.url + prefix + hotKey}
	if s.part == partQuiet {
		l.connections, l.threads = 1, 1
	}
	if len(s.keys) > 0 {
		l.script = filepath.Join(it.dir, "zipf.lua")
		if err := writeZipf(l.script, s.keys); err != nil {
			return o, err
		}
	}
	asked := b.origin.quick.Load()
	err = alongside(ctx, s, it.url, func(ctx context.Context) error {
		if l.duration > 0 {
			if _, err := b.wrk(ctx, l); err != nil {
				return err
			}
		}
		l.duration = b.config.duration
		o, err = b.accounted(ctx, it, l)
		return err
	})
	if n := b.origin.quick.Load() - asked; err == nil && n > 0 {
		err = fmt.Errorf("the origin was asked %d times while all should be hits", n)
	}
	return o, errors.Join(err, it.Failure())
}

// accounted measures with the CPU time that the server and Redis take for it.
func (b *bench) accounted(ctx context.Context, it server, l load) (o outcome, err error) {
	cpu, redisCPU, loads := cpuOf(it.PID()), b.redisTime(), b.origin.slow.Load()
	m, err := b.wrk(ctx, l)
	if err != nil {
		return o, err
	}
	each := func(d time.Duration) time.Duration { return d / time.Duration(m.requests) }
	return outcome{
		perSecond: m.perSecond, p50: m.p50, p99: m.p99,
		cpu: each(cpuOf(it.PID()) - cpu), redisCPU: each(b.redisTime() - redisCPU),
		loads: float64(b.origin.slow.Load()-loads) / l.duration.Seconds(),
	}, nil
}

func (b *bench) redisTime() time.Duration {
	if b.redis == nil {
		return 0
	}
	return cpuOf(b.redis.PID())
}
