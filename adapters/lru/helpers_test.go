package lru

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func newCache(t testing.TB, opts Options) *Cache {
	t.Helper()
	c, err := New(opts)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func key(name string) domain.Key {
	k, err := domain.ParseKey(name)
	if err != nil {
		panic(err)
	}
	return k
}

// fresh returns a copy with the given body and a TTL of a minute.
func fresh(body string) domain.Copy {
	return domain.Copy{Entry: domain.NewEntry(domain.Value{Body: body}, time.Minute, 0), Remaining: time.Minute}
}

var hour = domain.Copy{Entry: domain.NewEntry(domain.Value{}, time.Hour, 0), Remaining: time.Hour}

func hit(c *Cache, name string) bool {
	_, ok := c.Get(key(name))
	return ok
}

// size is what an entry counts.
func size(name, body string) int64 {
	return int64(len(name) + fresh(body).Entry.Size() + entryOverhead)
}
