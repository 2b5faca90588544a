package embedded_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestTheBoundOfTheStoredBytesHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.MaxBytes = 10_000
		l := open(t, o)
		for i := range 9 {
			fill(t, l, fmt.Sprint(i), entry(strings.Repeat("v", 1000), 10*time.Second))
		}
		refused(t, l, "one more", entry(strings.Repeat("v", 1000), time.Second))
		require.LessOrEqual(t, embedded.InUse(l), o.MaxBytes)
		require.Zero(t, get(t, l, "one more"))
		require.NotZero(t, get(t, l, "8"))

		fill(t, l, "8", entry(strings.Repeat("w", 1000), 20*time.Second)) // takes the room of its predecessor
		time.Sleep(11 * time.Second)
		for i := range 8 {
			fill(t, l, fmt.Sprint(i), entry(strings.Repeat("v", 1000), time.Second))
		}
		refused(t, l, "one more", entry(strings.Repeat("v", 1000), time.Second))
		require.LessOrEqual(t, embedded.InUse(l), o.MaxBytes)
	})
}

func TestARefusedFillLeavesTheLeaseAndTheOldValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.MaxBytes, o.MaxValueBytes = 3000, 2000
		l, k := open(t, o), key(t, "k")
		fill(t, l, "k", entry("old", time.Hour))
		fill(t, l, "other", entry(strings.Repeat("v", 2000), time.Hour))
		lease, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)

		full := l.Fill(t.Context(), k, entry(strings.Repeat("v", 1000), time.Hour), lease)
		require.EqualError(t, full, fmt.Sprintf("embedded layer is full: %d of 3000 bytes in use", embedded.InUse(l)))
		require.NotErrorIs(t, full, domain.ErrTooLarge)
		require.ErrorIs(t, l.Fill(t.Context(), k, entry(strings.Repeat("v", 2001), time.Hour), lease), domain.ErrTooLarge)

		require.Equal(t, "old", get(t, l, "k").Entry.Body())
		require.NoError(t, l.Fill(t.Context(), k, entry("new", time.Hour), lease))
		require.Equal(t, "new", get(t, l, "k").Entry.Body())
	})
}

func TestAPutThatIsTooLargeChangesNothing(t *testing.T) {
	l, k := open(t, options()), key(t, "k")
	fill(t, l, "k", entry("old", time.Hour))
	lease, err := l.Acquire(t.Context(), k)
	require.NoError(t, err)
	require.ErrorIs(t, l.Put(t.Context(), k, entry(strings.Repeat("v", 1<<20+1), time.Hour)), domain.ErrTooLarge)
	require.Equal(t, "old", get(t, l, "k").Entry.Body())
	require.NoError(t, l.Renew(t.Context(), k, lease))
}

// Whether the value was stored or not is then unknown to whoever put it, so no
// load that began before may store another.
func TestAPutThatFindsNoRoomEndsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.MaxBytes = 3000
		l, k := open(t, o), key(t, "k")
		fill(t, l, "other", entry(strings.Repeat("v", 2000), time.Hour))
		lease, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)
		waited := make(chan error)
		go func() {
			_, err := l.Acquire(t.Context(), k)
			waited <- err
		}()
		synctest.Wait()
		require.ErrorContains(t, l.Put(t.Context(), k, entry(strings.Repeat("v", 1000), time.Hour)), "embedded layer is full")
		require.ErrorIs(t, <-waited, domain.ErrLeaseEnded)
		require.ErrorIs(t, l.Fill(t.Context(), k, entry("v", time.Hour), lease), domain.ErrLeaseLost)
		require.NoError(t, l.Delete(t.Context(), key(t, "other")))
		fill(t, l, "k", entry(strings.Repeat("v", 1000), time.Hour))
	})
}

func TestADeleteGivesTheRoomBack(t *testing.T) {
	l, before := open(t, options()), int64(0)
	for _, n := range []int{0, 1000, 1 << 20} {
		fill(t, l, "k", entry(strings.Repeat("v", n), time.Hour).Kept(time.Hour))
		require.Greater(t, embedded.InUse(l), before)
		before = embedded.InUse(l)
		require.NoError(t, l.Delete(t.Context(), key(t, "k")))
		require.Zero(t, embedded.InUse(l))
		require.NoError(t, l.Delete(t.Context(), key(t, "k")))
		require.Zero(t, embedded.InUse(l))
	}
}

func TestWhatIsKeptTakesRoomUntilItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.MaxBytes = 3000
		l := open(t, o)
		fill(t, l, "kept", entry(strings.Repeat("v", 2000), time.Second).Kept(10*time.Second))
		time.Sleep(10 * time.Second)
		refused(t, l, "k", entry(strings.Repeat("v", 2000), time.Hour))
		time.Sleep(2 * time.Second)
		fill(t, l, "k", entry(strings.Repeat("v", 2000), time.Hour))
	})
}

func TestWhatCanNeverFitIsTooLarge(t *testing.T) {
	for name, e := range map[string]*domain.Entry{
		"a body above the bound of all":  entry(strings.Repeat("v", 6000), time.Hour),
		"a body above the bound of one":  entry(strings.Repeat("v", 1<<20+1), time.Hour),
		"a media type beyond all reason": domain.NewEntry(domain.Value{ContentType: strings.Repeat("t", 20<<20)}, time.Hour, 0),
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			if len(e.Body()) == 6000 {
				o.MaxBytes = 5000
			}
			l, k := open(t, o), key(t, "k")
			lease, err := l.Acquire(t.Context(), k)
			require.NoError(t, err)
			before := embedded.InUse(l)
			require.ErrorIs(t, l.Fill(t.Context(), k, e, lease), domain.ErrTooLarge)
			require.Equal(t, before, embedded.InUse(l))
			require.NoError(t, l.Renew(t.Context(), k, lease))
		})
	}
}

func TestValuesOfAllSizesWork(t *testing.T) {
	const piece = 512 << 10
	o := options()
	o.MaxValueBytes = 5 << 20
	l := open(t, o)
	for _, n := range []int{0, piece - 100, piece - 60, piece, piece + 1, 2 * piece, 5 << 20, 3 * piece, 1} { // growing and shrinking
		e := entry(strings.Repeat("x", n), time.Hour)
		fill(t, l, "k", e)
		require.Equal(t, e, get(t, l, "k").Entry, "%d bytes", n)
	}
	require.Less(t, embedded.InUse(l), int64(200), "nothing is left of the larger ones")
}

func TestForgottenLeasesAndFailuresDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, options())
		for i := range 100 {
			_, err := l.Acquire(t.Context(), key(t, fmt.Sprint("forgotten", i)))
			require.NoError(t, err)
			k := key(t, fmt.Sprint("failed", i))
			lease, err := l.Acquire(t.Context(), k)
			require.NoError(t, err)
			require.NoError(t, l.Release(t.Context(), k, lease, domain.ErrSourceFailed))
			require.NoError(t, l.Delete(t.Context(), key(t, fmt.Sprint("deleted", i))))
		}
		time.Sleep(options().LockTTL)
		_, err := l.Acquire(t.Context(), key(t, "k"))
		require.NoError(t, err)
		held, failed := embedded.Remembered(l)
		require.Equal(t, 1, held)
		require.Zero(t, failed)
	})
}

func refused(t *testing.T, l *embedded.Layer, name string, e *domain.Entry) {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key(t, name))
	require.NoError(t, err)
	require.ErrorContains(t, l.Fill(t.Context(), key(t, name), e, lease), "embedded layer is full")
	require.NoError(t, l.Release(t.Context(), key(t, name), lease, nil))
}
