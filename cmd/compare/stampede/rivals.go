package main

import (
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
)

// lockTTL is that of all locks: what our package has, and the default of
// rueidislock.
const lockTTL = 5 * time.Second

// goRedis returns a client for loaders that bring none. It does not retry, which
// would let callers wait for seconds when Redis is in trouble.
func (s setup) goRedis() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: s.Redis, DialTimeout: s.RedisTimeout, ReadTimeout: s.RedisTimeout, WriteTimeout: s.RedisTimeout,
		MaxRetries: -1, PoolSize: 100, ContextTimeoutEnabled: true,
	})
}

// rival is a column.
type rival struct {
	name   string
	module string // whose version is printed
	// new returns the loader, which may serve its peers by mux.
	new func(s setup, call load, mux *http.ServeMux) (loader, error)
	// without is what the cell says of a row that the loader has nothing to do with
	// by design, by the row's short name.
	without map[string]string
}

// What loaders do without by design.
const (
	noMemory = "no copies in memory"
	noDelete = "no delete, no TTL"
	noRedis  = "does not use Redis"
)

func rivals() []rival {
	return []rival{
		{name: "ours", new: newOurs},
		{name: "rueidis + rueidislock", module: "github.com/redis/rueidis", new: newRueidis},
		{name: "go-redis/cache", module: "github.com/go-redis/cache/v9", new: newGoRedisCache},
		{name: "sturdyc + Redis", module: "github.com/viccon/sturdyc", new: newSturdyc},
		{
			name: "groupcache", module: "github.com/golang/groupcache", new: newGroupcache,
			without: map[string]string{idDeleted: noDelete, idInvalidated: noDelete, idMissed: noDelete, idGone: noRedis, idHung: noRedis},
		},
		{
			name: "SETNX lock, polling", module: "github.com/redis/go-redis/v9", new: newSetNX,
			without: map[string]string{idInvalidated: noMemory, idMissed: noMemory},
		},
	}
}
