package mlcache

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
	"github.com/multi-layer-cache/multi-layer-cache/app"
)

const (
	// prefix stands before the name of each cache in Redis. With
	// MLCACHE_REDIS_PREFIX=mlc:name: the service has the same values.
	prefix = "mlc:"
	// lockTTL is that of a lease whose holder has died.
	lockTTL = 5 * time.Second
	// maxValueBytes is the largest value that the embedded layer takes.
	maxValueBytes = 64 << 20
	maxNameBytes  = 100
)

// settings are what options say.
type settings struct {
	app          app.Options
	entries      int
	bytes        int64
	tick         time.Duration // of the clock of L1
	redis, dir   string
	redisTimeout time.Duration
	shared       *Shared
	encoding     any // an Encoding
	batchKeys    int
	batchWait    time.Duration
	log          *slog.Logger
	onLoad       func(Event)
	onEvict      func(Event)
	onInvalidate func(Event)
}

func defaults() *settings {
	o := app.DefaultOptions()
	o.Freshness = app.FollowSource // loaders are the program's own
	return &settings{
		app: o, entries: 10_000, bytes: 64 << 20, tick: lru.DefaultTick,
		redisTimeout: 50 * time.Millisecond, batchKeys: 100, batchWait: 2 * time.Millisecond, log: slog.Default(),
	}
}

// connect opens the second layer that was asked for.
func (s *settings) connect() (*layers.Shared, error) {
	if s.redis == "" {
		return layers.OpenEmbedded(embedded.Options{
			Dir: s.dir, LockTTL: lockTTL, MaxBytes: layers.EmbeddedBytes, MaxValueBytes: maxValueBytes, Logger: s.log,
		})
	}
	return layers.OpenRedis(redis.Options{URL: s.redis, Prefix: prefix, Timeout: s.redisTimeout, Logger: s.log}, lockTTL)
}

// layer returns the second layer of the cache with that name, and what closes as much
// of it as is the cache's own.
func (s *settings) layer(name string) (*layers.Shared, layers.L2, func() error, error) {
	if s.shared != nil {
		l2, leave, err := s.shared.layer.In(name)
		return s.shared.layer, l2, func() error { leave(); return nil }, err
	}
	own, err := s.connect()
	if err != nil {
		return nil, layers.L2{}, nil, err
	}
	l2, leave, err := own.In(name)
	if err != nil {
		return nil, layers.L2{}, nil, errors.Join(err, own.Close())
	}
	return own, l2, func() error { leave(); return own.Close() }, nil
}

// checkName says what is wrong with the name of a cache. Without colons, no name and
// key can be taken for another name and key.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("mlcache: the cache has no name")
	case len(name) > maxNameBytes:
		return fmt.Errorf("mlcache: the name has %d bytes, at most %d are allowed", len(name), maxNameBytes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, notInName):
		return fmt.Errorf("mlcache: the name %q has a colon, a brace, a control character, or is not UTF-8", name)
	}
	return nil
}

func notInName(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(":{}", r) }
