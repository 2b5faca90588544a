package main

import (
	"context"
	"net/http"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
	"golang.org/x/sync/singleflight"
)

// rueidisCache is rueidis with client-side caching, which Redis invalidates, and
// its lock, whose waiters Redis wakes. One flight in each process waits for it.
// When Redis fails, each process loads for itself.
type rueidisCache struct {
	client       rueidis.Client
	locker       rueidislock.Locker
	call         load
	flight       *singleflight.Group
	ttl, timeout time.Duration
}

func newRueidis(s setup, call load, _ *http.ServeMux) (loader, error) {
	option := rueidis.ClientOption{InitAddress: []string{s.Redis}}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, err
	}
	locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: option, KeyValidity: lockTTL, TryNextAfter: s.RedisTimeout, KeyMajority: 1, NoLoopTracking: true,
	})
	if err != nil {
		client.Close()
		return nil, err
	}
	return rueidisCache{client, locker, call, new(singleflight.Group), s.TTL, s.RedisTimeout}, nil
}

func (r rueidisCache) Get(ctx context.Context, key string) (string, error) {
	v, err := r.held(ctx, key)
	if err == nil {
		return v, nil
	}
	if !rueidis.IsRedisNil(err) {
		return r.alone(ctx, key)
	}
	filled, err, _ := r.flight.Do(key, func() (any, error) { return r.fill(ctx, key) })
	if err != nil {
		return "", err
	}
	return filled.(string), nil
}

// held returns what memory or Redis has. Without a deadline of its own the client
// would retry until that of the caller.
func (r rueidisCache) held(ctx context.Context, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	return r.client.DoCache(ctx, r.client.B().Get().Key(key).Cache(), r.ttl).ToString()
}

// alone is one load for this process.
func (r rueidisCache) alone(ctx context.Context, key string) (string, error) {
	v, err, _ := r.flight.Do(key, func() (any, error) { return r.call(ctx, key) })
	if err != nil {
		return "", err
	}
	return v.(string), nil
}

// fill loads with the lock, looks again first, and stores.
func (r rueidisCache) fill(ctx context.Context, key string) (string, error) {
	locked, release, err := r.locker.WithContext(ctx, key)
	if err != nil {
		return r.call(ctx, key)
	}
	defer release()
	if v, err := r.client.Do(locked, r.client.B().Get().Key(key).Build()).ToString(); err == nil {
		return v, nil
	}
	v, err := r.call(locked, key)
	if err != nil {
		return "", err
	}
	_ = r.client.Do(locked, r.client.B().Set().Key(key).Value(v).Px(r.ttl).Build()).Error() // the caller has its value anyway
	return v, nil
}

func (r rueidisCache) Delete(ctx context.Context, key string) error {
	return r.client.Do(ctx, r.client.B().Del().Key(key).Build()).Error()
}

func (r rueidisCache) Close() {
	r.locker.Close()
	r.client.Close()
}
