package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// startRedis starts a Redis that keeps nothing, on the CPUs of the servers, and
// puts in what the bare handlers get.
func (b *bench) startRedis(ctx context.Context) (err error) {
	if b.redisAddr, err = freeAddr(ctx); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(b.redisAddr)
	if err != nil {
		return err
	}
	argv := []string{
		b.tools[toolRedis],
		"--bind", host, "--port", port, "--dir", b.dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
	}
	if b.redis, err = (command{argv: b.cpus.on(b.cpus.servers, argv)}).start(ctx); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: b.redisAddr})
	defer func() { _ = client.Close() }()
	return within(ctx, b.redis, func(ctx context.Context) error {
		return client.Set(ctx, hotKey, valueOf(hotKey), 0).Err()
	})
}

// readyWithin is how long a server may take until it answers as it should.
const readyWithin = 15 * time.Second

// within tries until it is done, p has ended, or too much time has passed. The
// error is the last.
func within(ctx context.Context, p *process, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not ready within %v", readyWithin))
	defer cancel()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // not that the time is up
		}
		select {
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
