package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/prometheus"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func newL1(cfg Config, routes []routeConfig) (*lru.Cache, func(), error) {
	admission := lru.PlainLRU
	if cfg.L1Admission == "tinylfu" {
		admission = lru.TinyLFU
	}
	cache, err := lru.New(lru.Options{
		MaxEntries:   cfg.L1MaxEntries,
		MaxBytes:     int64(cfg.L1MaxBytes),
		MaxBodyBytes: int64(maxValueBytes(routes)),
		KeepStale:    keepStale(routes),
		Tick:         lru.DefaultTick,
		Admission:    admission,
	})
	if err != nil {
		return nil, nil, err
	}
	return cache, cache.Close, nil
}

// sharedLayer is the second layer in its roles, by Redis or embedded.
type sharedLayer struct {
	Store  ports.L2Store
	Locker ports.Locker
	Bus    ports.Bus
	Purger ports.Purger
	Hot    ports.HotList // nil: none is kept
	Health httpapi.SharedLayer
}

func newL2(cfg Config, routes []routeConfig, tracing *otel.Tracing, log *slog.Logger) (sharedLayer, func(), error) {
	if cfg.RedisURL == "" {
		return newEmbedded(cfg, routes, tracing, log)
	}
	shared, err := layers.OpenRedis(redis.Options{
		URL: string(cfg.RedisURL), Prefix: cfg.RedisPrefix, Timeout: cfg.L2Timeout, WaitReplicas: cfg.RedisWait,
		CompressAbove: int(cfg.L2CompressAbove), Logger: log,
	}, cfg.LockTTL)
	if err != nil {
		return sharedLayer{}, nil, refused("redis-url", err)
	}
	return traced(cfg, shared, tracing, func(err error) { log.Debug("closing redis", "err", err) })
}

func newEmbedded(cfg Config, routes []routeConfig, tracing *otel.Tracing, log *slog.Logger) (sharedLayer, func(), error) {
	shared, err := layers.OpenEmbedded(embedded.Options{
		Dir:           cfg.DataDir,
		LockTTL:       cfg.LockTTL,
		MaxBytes:      layers.EmbeddedBytes,
		MaxValueBytes: int(maxValueBytes(routes)),
		Logger:        log,
	})
	if err != nil {
		return sharedLayer{}, nil, refused("data-dir", err)
	}
	where := "in memory"
	if cfg.DataDir != "" {
		where = cfg.DataDir
	}
	log.Info("MLCACHE_REDIS_URL is empty: the second layer is embedded, for this instance alone", "kept", where)
	return traced(cfg, shared, tracing, func(err error) { log.Error("closing the embedded layer", "err", err) })
}

// traced returns the whole of a layer, and what closes it.
func traced(cfg Config, shared *layers.Shared, tracing *otel.Tracing, failed func(error)) (sharedLayer, func(), error) {
	closeLayer := func() {
		if err := shared.Close(); err != nil {
			failed(err)
		}
	}
	l2, _, err := shared.In("")
	if err != nil {
		closeLayer()
		return sharedLayer{}, nil, err
	}
	whole := sharedLayer{Store: tracing.L2Store(l2.Store), Locker: tracing.Locker(l2.Locker), Bus: l2.Bus, Purger: l2.Purger, Health: shared}
	if cfg.WarmTimeout > 0 {
		whole.Hot = l2.Hot
	}
	return whole, closeLayer, nil
}

// tracingTimeout is how long the end of the program waits for the last spans to
// be exported.
const tracingTimeout = 2 * time.Second

func newTracing(log *slog.Logger) (*otel.Tracing, func(), error) {
	tracing, err := otel.FromEnvironment(context.Background(), programVersion())
	if err != nil {
		return nil, nil, usageError{err}
	}
	return tracing, func() {
		ctx, cancel := context.WithTimeout(context.Background(), tracingTimeout)
		defer cancel()
		if err := tracing.Close(ctx); err != nil {
			log.Warn("the last spans were not exported", "err", err)
		}
	}, nil
}

func newCache(r *app.Router, tracing *otel.Tracing) httpapi.Cache { return tracing.Cache(r) }

func keyCheck(r *app.Router) httpapi.KeyCheck { return r.Check }

func newMiddleware(cfg Config, tracing *otel.Tracing) httpapi.Tracing {
	return httpapi.Tracing(tracing.Middleware(cfg.TLSCert != ""))
}

func newExposition(count *counters.Recorder, l1 *lru.Cache, r *app.Router, l2 httpapi.SharedLayer, answers *counters.Answers) httpapi.Exposition {
	return prometheus.Handler(prometheus.Parts{Counter: count, L1: l1, Activity: r, L2: l2, Answers: answers}, programVersion())
}

func access(cfg Config, routes []routeConfig) httpapi.Access {
	a := httpapi.Access{
		Token: string(cfg.Token), MaxValueBytes: int64(maxValueBytes(routes)), Hosts: cfg.hosts(), ReloadInterval: cfg.ReloadInterval,
		AdminApart: cfg.AdminAddr != "",
	}
	for _, r := range routes {
		a.ReadTokens = append(a.ReadTokens, httpapi.ReadToken{Prefix: r.prefix, Token: string(r.ReadToken)})
	}
	return a
}

func limits(cfg Config) httpapi.Limits {
	return httpapi.Limits{RequestTimeout: cfg.RequestTimeout, MaxBatchBytes: int64(cfg.MaxBatchBytes)}
}

func labels(cfg Config) httpapi.Labels {
	host, _ := os.Hostname() // "" where there is none
	_, port, _ := net.SplitHostPort(cfg.Addr)
	return httpapi.Labels{Version: programVersion(), Source: cfg.Source, Host: strings.Trim(host+":"+port, ":")}
}
