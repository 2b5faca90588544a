package app_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// inspecting is an instance that inspects a hit a second, whose source has what body
// says.
func inspecting(t *testing.T, body func() string) *fleet {
	t.Helper()
	return newFleet(t, 1, func(context.Context, int64) (domain.Value, error) { return domain.Value{Body: body()}, nil },
		never, func(o *app.Options) { o.TTL, o.InspectPerSecond = time.Hour, 1 })
}

// read hits the key each 100 ms for so long.
func (f *fleet) read(t *testing.T, key domain.Key, lasts time.Duration) {
	t.Helper()
	for range lasts / (100 * time.Millisecond) {
		f.get(t, 0, key)
		time.Sleep(100 * time.Millisecond)
	}
}

func (f *fleet) inspected() (total uint64, volatile uint64, differ [3]uint64) {
	n := f.services[0].Activity().Inspected
	for i, d := range n.Inconsistent {
		differ[i] = d.Total
	}
	return n.Total, n.Volatile, differ
}

func TestCopiesThatAreRightAreCountedAsInspected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inspecting(t, func() string { return "v" })
		f.read(t, mustKey(t, "k"), 10*time.Second)
		total, volatile, differ := f.inspected()
		require.InDelta(t, 9, total, 1)
		require.Zero(t, volatile)
		require.Zero(t, differ)
		require.Equal(t, total+1, f.count(ports.SourceCalled), "each is a call")
	})
}

func TestACopyThatStaysDifferentIsCountedByItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var version atomic.Int64
		f, key := inspecting(t, func() string { return fmt.Sprint(version.Load()) }), mustKey(t, "k")
		f.read(t, key, time.Second)
		version.Add(1) // past the cache
		f.read(t, key, 2*time.Second)
		f.get(t, 0, key)
		time.Sleep(5 * time.Second)
		_, _, differ := f.inspected()
		require.NotZero(t, differ[0])
		require.Zero(t, differ[1])
		time.Sleep(2 * time.Minute)
		_, _, later := f.inspected()
		require.Equal(t, [3]uint64{differ[0], differ[0], differ[0]}, later)
	})
}

func TestACopyThatIsInvalidatedInTimeIsNoDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var version atomic.Int64
		f, key := inspecting(t, func() string { return fmt.Sprint(version.Load()) }), mustKey(t, "k")
		for range 20 {
			f.read(t, key, time.Second)
			version.Add(1)
			time.Sleep(300 * time.Millisecond)
			require.NoError(t, f.services[0].Delete(context.Background(), key))
		}
		total, _, differ := f.inspected()
		require.NotZero(t, total)
		require.Zero(t, differ)
	})
}

func TestASourceThatAnswersDifferentlyEachTimeIsNotCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		f := inspecting(t, func() string { return fmt.Sprint(n.Add(1)) })
		f.read(t, mustKey(t, "k"), 20*time.Second)
		total, volatile, differ := f.inspected()
		require.Equal(t, total, volatile)
		require.NotZero(t, total)
		require.Zero(t, differ)
	})
}

func TestTheLastFindsAreKeptEachKeyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var version atomic.Int64
		f := inspecting(t, func() string { return fmt.Sprint(version.Load()) })
		for n := range 12 {
			f.read(t, mustKey(t, fmt.Sprint("k ", n)), time.Second)
		}
		version.Add(1) // past the cache
		found := func() []ports.Find { return f.services[0].Activity().Inspected.Finds }
		for n := 0; len(found()) < 10; n++ { // which of them it inspects is not known
			require.Less(t, n, 1000)
			f.read(t, mustKey(t, fmt.Sprint("k ", n%12)), 3*time.Second)
		}
		time.Sleep(3 * time.Minute)
		finds := found()
		require.Len(t, finds, 10, "the last ones")
		seen := map[domain.Key]bool{}
		for i, find := range finds {
			require.False(t, seen[find.Key])
			seen[find.Key] = true
			require.Equal(t, time.Minute, find.After)
			require.True(t, i == 0 || !find.At.Before(finds[i-1].At), "newest last")
		}
	})
}
