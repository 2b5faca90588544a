package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
)

// setNX is what is often written by hand: one flight in each process, and a lock
// in Redis for which others poll. Its token keeps a holder from releasing the lock
// of another one. When Redis fails, each process loads for itself.
type setNX struct {
	client *redis.Client
	call   load
	ttl    time.Duration
	flight *singleflight.Group
}

// poll is how often those without the lock look for the value.
const poll = 100 * time.Millisecond

func newSetNX(s setup, call load, _ *http.ServeMux) (loader, error) {
	return setNX{s.goRedis(), call, s.TTL, new(singleflight.Group)}, nil
}

func (s setNX) Get(ctx context.Context, key string) (string, error) {
	v, err, _ := s.flight.Do(key, func() (any, error) { return s.get(ctx, key) })
	if err != nil {
		return "", err
	}
	return v.(string), nil
}

func (s setNX) get(ctx context.Context, key string) (string, error) {
	token := rand.Text()
	for {
		v, err := s.client.Get(ctx, key).Result()
		if err == nil {
			return v, nil
		}
		if !errors.Is(err, redis.Nil) {
			return s.call(ctx, key)
		}
		won, err := s.client.SetNX(ctx, "lock:"+key, token, lockTTL).Result()
		switch {
		case err != nil:
			return s.call(ctx, key)
		case won:
			return s.fill(ctx, key, token)
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// release deletes a lock that is still one's own.
const release = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`

// fill loads with the lock, looks again first, and stores.
func (s setNX) fill(ctx context.Context, key, token string) (string, error) {
	defer s.client.Eval(ctx, release, []string{"lock:" + key}, token)
	if v, err := s.client.Get(ctx, key).Result(); err == nil {
		return v, nil
	}
	v, err := s.call(ctx, key)
	if err != nil {
		return "", err
	}
	_ = s.client.Set(ctx, key, v, s.ttl).Err() // the caller has its value anyway
	return v, nil
}

func (s setNX) Delete(ctx context.Context, key string) error { return s.client.Del(ctx, key).Err() }
func (s setNX) Close()                                       { _ = s.client.Close() }
