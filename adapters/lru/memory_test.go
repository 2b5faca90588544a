//go:build !race

// The race detector makes these tests slow and has nothing to find in one goroutine.

package lru

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestCountedBytesAreNearTheHeapThatIsUsed(t *testing.T) {
	said := domain.Value{
		Body: strings.Repeat("x", 64), Version: 1, Tags: domain.Tags{"brand:9", "shoes"},
		Validator: domain.Validator{ETag: `"6b0907a8-1f"`, LastModified: "Sun, 06 Nov 1994 08:49:37 GMT"},
	}
	for name, v := range map[string]domain.Value{"plain": {Body: strings.Repeat("x", 64)}, "with what the source said": said} {
		const n = 100_000
		before := heap()
		c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
		for i := range n {
			v.Body = strings.Clone(v.Body)
			c.Set(key("user/"+strconv.Itoa(i)), domain.Copy{Entry: domain.NewEntry(v, time.Minute, 0), Remaining: time.Minute}, 0)
		}
		assert.InEpsilon(t, heap()-before, c.Stats().Bytes, 0.1, name)
		runtime.KeepAlive(c)
	}
}

func TestAnEntryTakesAtMost60BytesBeyondKeyAndValue(t *testing.T) {
	for _, n := range []int{4_095, 10_000, 100_000, 1_000_000} {
		keys := make([]domain.Key, n)
		for i := range keys {
			keys[i] = key(strconv.Itoa(i))
		}
		before := heap()
		c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
		for _, k := range keys {
			c.Set(k, hour, 0)
		}
		each := float64(heap()-before) / float64(c.Stats().Entries)
		t.Logf("%d entries: %.1f bytes each", n, each)
		assert.LessOrEqual(t, each, 60.0, n)
		runtime.KeepAlive(c)
		runtime.KeepAlive(keys)
	}
}

func TestAnEmptyCacheTakesLittle(t *testing.T) {
	before := heap()
	c := newCache(t, Options{MaxEntries: 1 << 20, MaxBytes: 1 << 40})
	assert.Less(t, heap()-before, int64(100_000))
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC() // moves what pools hold to where
	runtime.GC() // this frees it
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestABodyAsLargeAsIsSaidIsHeld(t *testing.T) {
	for _, size := range []int64{1 << 20, 4 << 20, 60 << 20} {
		c := newCache(t, Options{MaxEntries: 10_000, MaxBytes: 64 << 20, MaxBodyBytes: size})
		large := domain.NewEntry(domain.Value{
			Body: strings.Repeat("x", int(size)), Tags: domain.Tags{strings.Repeat("t", 128)},
		}, time.Minute, 0)
		for i := range 10 { // in whatever shard
			k := key(strings.Repeat("k", 500) + strconv.Itoa(i))
			require.True(t, c.Set(k, domain.Copy{Entry: large, Remaining: time.Minute}, 0), size)
		}
		require.LessOrEqual(t, c.Stats().Bytes, int64(64<<20))
	}
}
