package embedded_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestNewValuesTakeTheRoomOfTheLeastRecentlyUsed(t *testing.T) {
	o := options()
	o.MaxBytes = 10_000
	l := open(t, o)
	for i := range 7 {
		fill(t, l, fmt.Sprint(i), entry(strings.Repeat("v", 1000), time.Hour))
	}
	require.NotZero(t, get(t, l, "0"), "read, and so the last to go")
	for i := range 3 {
		fill(t, l, fmt.Sprint("new", i), entry(strings.Repeat("v", 1000), time.Hour))
		require.LessOrEqual(t, embedded.InUse(l), o.MaxBytes)
		require.NotZero(t, get(t, l, fmt.Sprint("new", i)))
	}
	require.NotZero(t, get(t, l, "0"))
	require.Zero(t, get(t, l, "1"))
}

func TestWhatHasExpiredIsEvictedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.MaxBytes = 30_000
		l := open(t, o)
		fill(t, l, "fresh", entry("v", time.Hour))
		for i := range 40 { // more than a put deletes anyway
			fill(t, l, fmt.Sprint("expired", i), entry(strings.Repeat("v", 300), time.Second))
		}
		fill(t, l, "kept", entry("v", time.Second).Kept(time.Hour))
		time.Sleep(2 * time.Second)
		fill(t, l, "new", entry(strings.Repeat("v", 20_000), time.Hour))
		require.NotZero(t, get(t, l, "fresh"))
		require.NotZero(t, get(t, l, "kept"))
		require.NotZero(t, get(t, l, "new"))
	})
}

func TestEachPutDeletesSomeOfWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, options())
		for i := range 100 {
			fill(t, l, fmt.Sprint(i), entry(strings.Repeat("v", 1000), time.Second))
		}
		time.Sleep(time.Second)
		for range 10 {
			fill(t, l, "k", entry("v", time.Hour))
		}
		require.Less(t, embedded.InUse(l), int64(500), "nothing is left but k")
	})
}

// The bytes that the layer counts are those that the heap has, whatever the sizes.
func TestTheBoundIsOnRealBytes(t *testing.T) {
	const bound = 8 << 20
	for name, size := range map[string]int{"tiny": 1, "200 B": 200, "1 KiB": 1 << 10, "5 KiB": 5 << 10, "33 KiB": 33 << 10, "1 MiB": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.MaxBytes = bound
			l := open(t, o)
			before := live()
			for i := range 2 * bound / (size + 300) {
				// The key is part of a longer string, as one from a request line is.
				k := strings.Repeat("x", 2000) + fmt.Sprintf("%020d", i)
				require.NoError(t, l.Put(t.Context(), key(t, k[2000:]), entry(strings.Repeat("v", size), time.Hour)))
			}
			took := live() - before
			require.LessOrEqual(t, embedded.InUse(l), int64(bound))
			require.Less(t, took, int64(bound)*11/10)
			require.Greater(t, took, int64(bound)*6/10)
			runtime.KeepAlive(l)
		})
	}
}

func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestDeletingGivesTheRoomBack(t *testing.T) {
	l := open(t, options())
	for _, n := range []int{0, 1000, 1 << 20} {
		fill(t, l, "k", entry(strings.Repeat("v", n), time.Hour).Kept(time.Hour))
		require.Greater(t, embedded.InUse(l), int64(n))
		require.NoError(t, l.Invalidate(t.Context(), key(t, "k"), domain.Invalidation{}))
		require.Zero(t, embedded.InUse(l))
		require.NoError(t, l.Invalidate(t.Context(), key(t, "k"), domain.Invalidation{}))
		require.Zero(t, embedded.InUse(l))
	}
}

func TestValuesOfAllSizesWork(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Dir, o.MaxValueBytes = dir, 5<<20
			l := open(t, o)
			for _, n := range []int{0, 1, 8000, 8192, 1 << 20, 5 << 20, 100, 0} { // growing and shrinking
				e := entry(strings.Repeat("x", n), time.Hour)
				fill(t, l, "k", e)
				require.Equal(t, e, get(t, l, "k").Entry, "%d bytes", n)
			}
		})
	}
}

func TestWhatCanNeverFitIsTooLargeAndChangesNothing(t *testing.T) {
	for name, e := range map[string]*domain.Entry{
		"a body above the bound of all":    entry(strings.Repeat("v", 600_000), time.Hour),
		"a body above the bound of one":    entry(strings.Repeat("v", 1<<20+1), time.Hour),
		"a content type beyond all reason": domain.NewEntry(domain.Value{ContentType: strings.Repeat("t", 20<<20)}, time.Hour, 0),
	} {
		for mode, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
			t.Run(name+", "+mode, func(t *testing.T) {
				o := options()
				o.Dir, o.MaxBytes = dir, 512<<10
				l, k := open(t, o), key(t, "k")
				fill(t, l, "k", entry("old", time.Hour))
				lease, err := l.Acquire(t.Context(), k)
				require.NoError(t, err)
				require.ErrorIs(t, l.Fill(t.Context(), k, e, lease), domain.ErrTooLarge)
				require.Equal(t, "old", get(t, l, "k").Entry.Body())
				require.NoError(t, l.Renew(t.Context(), k, lease), "the lease stands")
				require.ErrorIs(t, l.Put(t.Context(), k, e), domain.ErrTooLarge)
				require.Equal(t, "old", get(t, l, "k").Entry.Body())
				require.Equal(t, "embedded", l.Health(t.Context()))
			})
		}
	}
}

func TestForgottenLeasesAndFailuresDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, options())
		fails := func(name string) {
			k := key(t, name)
			lease, err := l.Acquire(t.Context(), k)
			require.NoError(t, err)
			require.NoError(t, l.Release(t.Context(), k, lease, ports.Ending{Failure: domain.ErrSourceFailed, Cooldown: time.Second}))
		}
		for i := range 100 {
			_, err := l.Acquire(t.Context(), key(t, fmt.Sprint("forgotten", i)))
			require.NoError(t, err)
			fails(fmt.Sprint("failed", i))
			require.NoError(t, l.Invalidate(t.Context(), key(t, fmt.Sprint("deleted", i)), domain.Invalidation{}))
		}
		for i := range 20_000 {
			fails(fmt.Sprint("at once", i))
		}
		_, failed := embedded.Remembered(l)
		require.Equal(t, 16<<10, failed)
		time.Sleep(options().LockTTL)
		_, err := l.Acquire(t.Context(), key(t, "k"))
		require.NoError(t, err)
		held, failed := embedded.Remembered(l)
		require.Equal(t, 1, held)
		require.Zero(t, failed)
	})
}
