package main

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// startRedis starts a Redis on the CPUs of the servers, and puts in what the bare
// handlers get.
func (b *bench) startRedis(ctx context.Context) (err error) {
	if b.redisAddr, err = process.FreeAddr(ctx); err != nil {
		return err
	}
	binary := b.cpus.on(b.cpus.servers, []string{b.tools[toolRedis]})
	if b.redis, err = process.StartRedis(ctx, binary, b.redisAddr, b.dir); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: b.redisAddr})
	defer func() { _ = client.Close() }()
	return client.Set(ctx, hotKey, valueOf(hotKey), 0).Err()
}
