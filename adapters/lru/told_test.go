package lru

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestEachEvictionIsToldOnceAndWithoutALock(t *testing.T) {
	for _, entries := range []int{100, 8192} {
		synctest.Test(t, func(t *testing.T) {
			var c *Cache
			told := map[string]int{}
			c = newCache(t, Options{MaxEntries: entries, MaxBytes: 1 << 30, KeepStale: time.Second, OnEvict: func(k domain.Key) {
				_, held := c.Peek(k)
				require.False(t, held)
				told[k.String()]++
			}})
			for i := range 3 * entries {
				c.Set(key(strconv.Itoa(i)), fresh("v"), 0)
			}
			c.Delete(key(strconv.Itoa(3*entries - 1))) // is no eviction
			time.Sleep(time.Hour)
			c.Set(key("last"), fresh("v"), 0) // sweeps what is over
			require.Len(t, told, 3*entries-1)
			for k, n := range told {
				require.Equal(t, 1, n, k)
			}
			require.EqualValues(t, 3*entries-1, c.Stats().Evicted())
		})
	}
}
