package mlcache

import (
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"time"
)

// What a value may be.
const (
	notNegative = "must not be negative"
	oneMilli    = "must be at least 1ms"
)

// lasting is an option that is a duration of at least that.
func lasting(name string, d, least time.Duration, set func(*settings)) Option {
	rule := notNegative
	if least > 0 {
		rule = oneMilli
	}
	return option(name, d, set).unless(d >= least, rule)
}

// Redis has the second layer on a server that all instances share. The URL is
// redis://, rediss:// or unix://, with user, password and database if need be; further
// addresses after commas make it a Cluster, a master_name parameter Sentinel. A server
// that cannot be reached is waited for, 2 seconds at most, and may come later.
// Without it, and without On, the second layer is embedded: in this process, of 64 MiB
// at most.
func Redis(rawURL string) Option {
	shown := "…"
	if u, err := url.Parse(rawURL); err == nil {
		shown = u.Redacted()
	}
	return option("Redis", rawURL, func(s *settings) { s.redis = rawURL }).shown(shown).by(byConnecting).
		unless(rawURL != "", "there is no URL")
}

// RedisTimeout bounds each call of Redis, on an established connection. It has to be
// longer than the round-trip time. By default it is 50ms.
func RedisTimeout(d time.Duration) Option {
	return lasting("RedisTimeout", d, time.Millisecond, func(s *settings) { s.redisTimeout = d }).by(byConnecting)
}

// Dir has the embedded layer in a folder, for this process alone: a SQLite file of at
// most 64 MiB, kept over restarts. Without it the layer is in memory.
func Dir(path string) Option {
	return option("Dir", path, func(s *settings) { s.dir = path }).by(byConnecting).unless(path != "", "there is no path")
}

// On has the second layer on a connection that other caches use, too.
func On(shared *Shared) Option {
	return option("On", shared, func(s *settings) { s.shared = shared }).shown("a Shared").by(byNew|byNewBatch|byNewFrom).
		unless(shared != nil, "it is nil")
}

// TTL is how long a value is fresh if nothing else is said of it. By default it is 30s.
func TTL(d time.Duration) Option {
	return lasting("TTL", d, time.Millisecond, func(s *settings) { s.app.TTL = d })
}

// TTLJitter subtracts up to this fraction of the TTL, at random, so that values which
// were loaded together do not expire together. It is in [0, 1), by default 0.
func TTLJitter(fraction float64) Option {
	return option("TTLJitter", fraction, func(s *settings) { s.app.TTLJitter = fraction }).
		unless(fraction >= 0 && fraction < 1, "must be in [0, 1)")
}

// NegativeTTL is how long it is remembered that there is no such key. By default it is
// 5s; 0: not at all.
func NegativeTTL(d time.Duration) Option {
	return lasting("NegativeTTL", d, 0, func(s *settings) { s.app.NegativeTTL = d })
}

// L1TTL is how long memory answers with a value before Redis has to confirm it. By
// default, and with 0, it is the whole TTL.
func L1TTL(d time.Duration) Option {
	return lasting("L1TTL", d, 0, func(s *settings) { s.app.L1TTL = d })
}

// Memory bounds what is kept in this process's memory (L1), in entries and in bytes of
// encoded values with their overhead. With 0 nothing is. By default it is 10,000 and
// 64 MiB.
func Memory(entries int, bytes int64) Option {
	return option("Memory", [2]int64{int64(entries), bytes}, func(s *settings) { s.entries, s.bytes = entries, bytes }).
		shown(fmt.Sprintf("%d, %d", entries, bytes)).unless(entries >= 0 && bytes >= 0, notNegative)
}

// StaleIfError is how long memory keeps expired values, to answer with them when a load
// fails. By default it is 5m.
func StaleIfError(d time.Duration) Option {
	return lasting("StaleIfError", d, 0, func(s *settings) { s.app.StaleIfError = d })
}

// StaleWhileRevalidate is how long an expired value answers at once, while it is
// reloaded in the background. By default it is 0.
func StaleWhileRevalidate(d time.Duration) Option {
	return lasting("StaleWhileRevalidate", d, 0, func(s *settings) { s.app.StaleWhile = d })
}

// SoftTimeout is how long a Get waits for a load before it gets the expired value that
// memory has, if it has one; the load goes on. By default, and with 0, it waits as if
// there was none.
func SoftTimeout(d time.Duration) Option {
	return lasting("SoftTimeout", d, 0, func(s *settings) { s.app.SoftTimeout = d })
}

// RefreshAhead is how eagerly values that are read are reloaded before they expire: β
// of XFetch, by default 1; 0: never.
func RefreshAhead(beta float64) Option {
	return option("RefreshAhead", beta, func(s *settings) { s.app.RefreshAhead = beta }).
		unless(beta >= 0 && !math.IsInf(beta, 1), notNegative)
}

// FailureCooldown is how long a key whose load failed is not loaded again, by any
// instance; the next time for twice as long, up to 16 times that. By default it is 1s.
func FailureCooldown(d time.Duration) Option {
	return lasting("FailureCooldown", d, 0, func(s *settings) { s.app.FailureCooldown = d })
}

// LoadTimeout ends the context of a load. By default it is 5s. A Get waits twice as
// long at most.
func LoadTimeout(d time.Duration) Option {
	return lasting("LoadTimeout", d, time.Millisecond, func(s *settings) { s.app.SourceTimeout, s.app.RequestTimeout = d, 2*d }).
		unless(d <= math.MaxInt64/2, "is too long")
}

// maxLoads is far more than a source takes.
const maxLoads = 1 << 20

// LoadConcurrency is how many calls of the loader may be in flight. By default it is
// 256.
func LoadConcurrency(n int) Option {
	return option("LoadConcurrency", n, func(s *settings) { s.app.SourceConcurrency = n }).
		unless(n >= 1 && n <= maxLoads, "must be from 1 to 1048576")
}

// MaxValueBytes is how large a value may be when it is encoded, up to 64 MiB. By
// default it is 1 MiB.
func MaxValueBytes(n int) Option {
	return option("MaxValueBytes", n, func(s *settings) { s.app.MaxValueBytes = n }).
		unless(n >= 1 && n <= maxValueBytes, "must be from 1 to 67108864")
}

// Codec is how values become bytes. It must be for the values of the cache. By default
// it is JSON.
func Codec[V any](e Encoding[V]) Option {
	return option("Codec", e, func(s *settings) { s.encoding = e }).shown(fmt.Sprintf("%T", e))
}

// Batch is how many keys one call of a batch loader gets at most, and how long the
// first of them waits for others. By default it is 100 and 2ms.
func Batch(keys int, wait time.Duration) Option {
	return option("Batch", [2]int64{int64(keys), int64(wait)}, func(s *settings) { s.batchKeys, s.batchWait = keys, wait }).
		shown(fmt.Sprintf("%d, %v", keys, wait)).by(byNewBatch).unless(keys >= 1 && wait >= 0, "takes at least one key, and no negative wait")
}

// Logger is told of loads that fail, and of changes in the state of the second layer.
// By default it is slog.Default; with nil nobody is told.
func Logger(log *slog.Logger) Option {
	return option("Logger", log, func(s *settings) {
		s.log = log
		if log == nil {
			s.log = slog.New(slog.DiscardHandler)
		}
	}).shown("a logger").by(byCaches | byConnect)
}

// OnLoad has f called after each load, also one that failed. See Event.
func OnLoad(f func(Event)) Option {
	return option("OnLoad", f, func(s *settings) { s.onLoad = f }).shown("a function").unless(f != nil, "it is nil")
}

// OnEvict has f called when an entry is evicted from memory, for want of room or
// because it expired too long ago. See Event.
func OnEvict(f func(Event)) Option {
	return option("OnEvict", f, func(s *settings) { s.onEvict = f }).shown("a function").unless(f != nil, "it is nil")
}

// OnInvalidate has f called when another instance replaced or deleted a key, and when
// it may have. See Event.
func OnInvalidate(f func(Event)) Option {
	return option("OnInvalidate", f, func(s *settings) { s.onInvalidate = f }).shown("a function").unless(f != nil, "it is nil")
}
