package main

import (
	"context"
	"net/http"
	"time"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

// goRedisCache is go-redis/cache as in the "advanced usage" of its README: Once,
// with a TinyLFU in memory.
type goRedisCache struct {
	*cache.Cache
	client *redis.Client
	call   load
	ttl    time.Duration
}

func newGoRedisCache(s setup, call load, _ *http.ServeMux) (loader, error) {
	client := s.goRedis()
	c := cache.New(&cache.Options{Redis: client, LocalCache: cache.NewTinyLFU(10_000, s.TTL)})
	return goRedisCache{c, client, call, s.TTL}, nil
}

func (c goRedisCache) Get(ctx context.Context, key string) (value string, err error) {
	err = c.Once(&cache.Item{
		Ctx: ctx, Key: key, Value: &value, TTL: c.ttl,
		Do: func(i *cache.Item) (any, error) { return c.call(i.Context(), key) },
	})
	return value, err
}

func (c goRedisCache) Close() { _ = c.client.Close() }
