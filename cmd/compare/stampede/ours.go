package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// ours is package mlcache with its defaults, but for times.
type ours struct{ *mlcache.Cache[string] }

func newOurs(s setup, call load, _ *http.ServeMux) (loader, error) {
	c, err := mlcache.New("stampede", call, mlcache.Redis("redis://"+s.Redis), mlcache.RedisTimeout(s.RedisTimeout),
		mlcache.TTL(s.TTL), mlcache.Logger(slog.New(slog.DiscardHandler)))
	return ours{c}, err
}

func (o ours) Get(ctx context.Context, key string) (string, error) { return o.Cache.Get(ctx, key) }
func (o ours) Delete(ctx context.Context, key string) error        { return o.Cache.Delete(ctx, key) }
func (o ours) Close()                                              { _ = o.Cache.Close(context.Background()) }
