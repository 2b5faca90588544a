package main

import (
	"context"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/viccon/sturdyc"
)

// sturdycCache is sturdyc with Redis as its distributed storage, as in its example.
// It has no delete there, so its user deletes from both.
type sturdycCache struct {
	*sturdyc.Client[string]
	storage redisStorage
	call    load
}

func newSturdyc(s setup, call load, _ *http.ServeMux) (loader, error) {
	storage := redisStorage{s.goRedis(), s.TTL}
	c := sturdyc.New[string](10_000, 10, s.TTL, 10,
		sturdyc.WithDistributedStorage(storage), sturdyc.WithMissingRecordStorage(), sturdyc.WithLog(&sturdyc.NoopLogger{}))
	return sturdycCache{c, storage, call}, nil
}

func (c sturdycCache) Get(ctx context.Context, key string) (string, error) {
	return c.GetOrFetch(ctx, key, func(ctx context.Context) (string, error) { return c.call(ctx, key) })
}

func (c sturdycCache) Delete(ctx context.Context, key string) error {
	c.Client.Delete(key)
	return c.storage.client.Del(ctx, key).Err()
}

func (c sturdycCache) Close() { _ = c.storage.client.Close() }

// redisStorage is a sturdyc.DistributedStorage.
type redisStorage struct {
	client *redis.Client
	ttl    time.Duration
}

func (s redisStorage) Get(ctx context.Context, key string) ([]byte, bool) {
	b, err := s.client.Get(ctx, key).Bytes()
	return b, err == nil
}

// Set has nobody to tell of an error.
func (s redisStorage) Set(ctx context.Context, key string, b []byte) {
	_ = s.client.Set(ctx, key, b, s.ttl).Err()
}

// GetBatch is not used here.
func (s redisStorage) GetBatch(context.Context, []string) map[string][]byte { return nil }

// SetBatch is not used here.
func (s redisStorage) SetBatch(context.Context, map[string][]byte) {}
