package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpsource"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/oracle"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/prometheus"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// embeddedMaxBytes bounds what the embedded layer occupies, on the heap or on disk.
const embeddedMaxBytes = 64 << 20

func newL1(cfg Config, o app.Options) (*lru.Cache, func(), error) {
	admission := lru.PlainLRU
	if cfg.L1Admission == "tinylfu" {
		admission = lru.TinyLFU
	}
	cache, err := lru.New(lru.Options{
		MaxEntries: cfg.L1MaxEntries,
		MaxBytes:   int64(cfg.L1MaxBytes),
		KeepStale:  o.KeepStale(),
		Tick:       lru.DefaultTick,
		Admission:  admission,
	})
	if err != nil {
		return nil, nil, err
	}
	return cache, cache.Close, nil
}

// connectWithin is how long the start waits for Redis. It goes on without it.
const connectWithin = 2 * time.Second

// sharedLayer is the second layer in its roles, by Redis or embedded.
type sharedLayer struct {
	Store  ports.L2Store
	Locker ports.Locker
	Bus    ports.Bus
	Health httpapi.SharedLayer
}

func newL2(cfg Config, tracing *otel.Tracing, log *slog.Logger) (sharedLayer, func(), error) {
	if cfg.RedisURL == "" {
		return newEmbedded(cfg, tracing, log)
	}
	client, err := redis.NewClient(redis.Options{
		URL: string(cfg.RedisURL), Prefix: cfg.RedisPrefix, Timeout: cfg.L2Timeout, WaitReplicas: cfg.RedisWait,
		CompressAbove: int(cfg.L2CompressAbove), Logger: log,
	})
	if err != nil {
		return sharedLayer{}, nil, refused("redis-url", err)
	}
	// So that the first requests find it.
	settle, cancel := context.WithTimeout(context.Background(), connectWithin)
	client.Settle(settle)
	cancel()
	bus := redis.NewBus(client)
	closeAll := func() {
		bus.Close()
		if err := client.Close(); err != nil {
			log.Debug("closing redis", "err", err)
		}
	}
	locker, err := redis.NewLocker(bus, redis.LockerOptions{TTL: cfg.LockTTL})
	if err != nil {
		closeAll()
		return sharedLayer{}, nil, err
	}
	return sharedLayer{Store: tracing.L2Store(redis.NewStore(client)), Locker: tracing.Locker(locker), Bus: bus, Health: client}, closeAll, nil
}

func newEmbedded(cfg Config, tracing *otel.Tracing, log *slog.Logger) (sharedLayer, func(), error) {
	layer, err := embedded.Open(embedded.Options{
		Dir:           cfg.DataDir,
		LockTTL:       cfg.LockTTL,
		MaxBytes:      embeddedMaxBytes,
		MaxValueBytes: int(cfg.MaxValueBytes),
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
	closeLayer := func() {
		if err := layer.Close(); err != nil {
			log.Error("closing the embedded layer", "err", err)
		}
	}
	return sharedLayer{Store: tracing.L2Store(layer), Locker: tracing.Locker(layer), Bus: layer, Health: layer}, closeLayer, nil
}

// backend is the source, and which keys it takes.
type backend struct {
	Source ports.Source
	Keys   httpapi.KeyCheck
}

func newSource(cfg Config, rec ports.Recorder, tracing *otel.Tracing, log *slog.Logger) (backend, func(), error) {
	switch cfg.Source {
	case sourceSQL:
		return newSQLSource(cfg, rec, tracing, log)
	case sourceHTTP:
		source, err := httpsource.New(httpsource.Options{
			URL:        string(cfg.SourceURL),
			Timeout:    cfg.SourceTimeout,
			MaxBytes:   int64(cfg.MaxValueBytes),
			MaxConns:   cfg.SourceConcurrency,
			Redirected: func() { rec.Event(ports.SourceCalled) },
			TagsRefused: func(key domain.Key, reason error) {
				log.Warn("not stored, because the source gave it tags that cannot be kept", "key", key, "err", reason)
			},
		})
		if err != nil {
			return backend{}, nil, refused("source-url", err)
		}
		return backend{tracing.Source(source), source.Check}, source.Close, nil
	}
	source, err := oracle.New(cfg.OracleDelay)
	if err != nil {
		return backend{}, nil, err
	}
	return backend{Source: tracing.Source(source)}, func() {}, nil
}

func newSQLSource(cfg Config, rec ports.Recorder, tracing *otel.Tracing, log *slog.Logger) (backend, func(), error) {
	source, err := sqlsource.New(sqlsource.Options{
		DSN:       string(cfg.SourceDSN),
		Query:     cfg.SourceQuery,
		Timeout:   cfg.SourceTimeout,
		MaxBytes:  int64(cfg.MaxValueBytes),
		MaxConns:  cfg.SourceConcurrency,
		Batch:     cfg.SourceBatch,
		BatchWait: cfg.SourceBatchWait,
		Repeated:  func() { rec.Event(ports.SourceCalled) },
		Logger:    log,
	})
	if err != nil {
		return backend{}, nil, refused("source-query", err)
	}
	closeSource := func() {
		if err := source.Close(); err != nil {
			log.Debug("closing the source", "err", err)
		}
	}
	return backend{Source: tracing.Source(source)}, closeSource, nil
}

// freshness is what becomes of what a source says, by the names of the setting.
var freshness = map[string]app.Freshness{
	"cap": app.CapSource, "follow": app.FollowSource, "ignore": app.IgnoreSource,
}

func appOptions(cfg Config) app.Options {
	return app.Options{
		TTL:               cfg.TTL,
		Freshness:         freshness[cfg.SourceFreshness],
		TTLJitter:         cfg.TTLJitter,
		NegativeTTL:       cfg.NegativeTTL,
		StaleIfError:      cfg.StaleIfError,
		StaleWhile:        cfg.StaleWhile,
		L2Stale:           cfg.L2Stale,
		RefreshAhead:      cfg.RefreshAhead,
		FailureCooldown:   cfg.FailureCooldown,
		SourceTimeout:     cfg.SourceTimeout,
		SourceConcurrency: cfg.SourceConcurrency,
		RequestTimeout:    cfg.RequestTimeout,
		MaxValueBytes:     int(cfg.MaxValueBytes),
		MaxWaiters:        app.DefaultOptions().MaxWaiters,
		ReloadInterval:    cfg.ReloadInterval,
	}
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

func newCache(s *app.Service, tracing *otel.Tracing) httpapi.Cache { return tracing.Cache(s) }

func newMiddleware(tracing *otel.Tracing) httpapi.Tracing {
	return httpapi.Tracing(tracing.Middleware())
}

func newExposition(count *counters.Recorder, l1 *lru.Cache, s *app.Service, l2 httpapi.SharedLayer, answers *counters.Answers) httpapi.Exposition {
	return prometheus.Handler(prometheus.Parts{Counter: count, L1: l1, Activity: s, L2: l2, Answers: answers}, programVersion())
}

func access(cfg Config) httpapi.Access {
	return httpapi.Access{
		Token: string(cfg.Token), MaxValueBytes: int64(cfg.MaxValueBytes), Hosts: cfg.hosts(), ReloadInterval: cfg.ReloadInterval,
	}
}

func limits(cfg Config) httpapi.Limits {
	return httpapi.Limits{RequestTimeout: cfg.RequestTimeout, MaxBatchBytes: int64(cfg.MaxBatchBytes)}
}

func labels(cfg Config) httpapi.Labels {
	return httpapi.Labels{Version: programVersion(), Source: cfg.Source}
}
