package app_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// busiest is a source that notes how many of its calls were in flight at once.
type busiest struct{ now, most atomic.Int64 }

func (b *busiest) load(ctx context.Context, _ int64) (domain.Value, error) {
	for now := b.now.Add(1); ; {
		most := b.most.Load()
		if now <= most || b.most.CompareAndSwap(most, now) {
			break
		}
	}
	defer b.now.Add(-1)
	select {
	case <-time.After(time.Second):
		return domain.Value{Body: "v"}, nil
	case <-ctx.Done():
		return domain.Value{}, ctx.Err()
	}
}

func concurrency(n int) func(*app.Options) {
	return func(o *app.Options) { o.SourceConcurrency = n }
}

func TestBatchesLeaveHalfOfTheSourceToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &busiest{}
		f := newFleet(t, 1, source.load, never, concurrency(16))
		s := f.services[0]
		for _, r := range s.GetMany(t.Context(), keysFrom(t, 0, 12), nil) {
			require.NoError(t, r.Err)
		}
		require.EqualValues(t, 4, source.most.Load(), "a quarter for one batch")
		for batch := range 5 {
			keys := keysFrom(t, 100*batch, 50)
			go s.GetMany(context.Background(), keys, nil)
		}
		time.Sleep(2500 * time.Millisecond)
		require.EqualValues(t, 8, source.most.Load(), "half for all batches")
		began := time.Now()
		_, err := s.Get(t.Context(), mustKey(t, "another"))
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(began), "it does not wait for a slot")
		time.Sleep(time.Minute) // until all have ended
	})
}

func TestABatchEndsWithTheRequestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, (&busiest{}).load, never, concurrency(4), func(o *app.Options) {
			o.RequestTimeout, o.SourceTimeout = 3500*time.Millisecond, 3*time.Second
		})
		began := time.Now()
		answered := 0
		for _, r := range f.services[0].GetMany(t.Context(), keysFrom(t, 0, 100), nil) {
			switch {
			case r.Err == nil:
				answered++
			case errors.Is(r.Err, domain.ErrTimeout): // its load was in flight
				require.Equal(t, domain.Failed, r.Outcome)
			default:
				require.ErrorIs(t, r.Err, domain.ErrOverloaded)
				require.Equal(t, domain.Failed, r.Outcome)
			}
		}
		require.Equal(t, 3500*time.Millisecond, time.Since(began))
		require.Equal(t, 3, answered)
		time.Sleep(time.Minute)
	})
}

func TestAKeyThatIsGivenTwiceIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slow, never)
		key := mustKey(t, "k")
		admitted := 0
		got := f.services[0].GetMany(t.Context(), []domain.Key{key, key, key}, func(*domain.Entry) error {
			admitted++
			return nil
		})
		require.Equal(t, 3, admitted, "each is a part of the answer")
		require.EqualValues(t, 1, f.count(ports.SourceCalled))
		require.Equal(t, domain.Loaded, got[0].Outcome)
		for _, r := range got[1:] {
			require.Equal(t, domain.Coalesced, r.Outcome)
			require.Same(t, got[0].Entry, r.Entry)
		}
	})
}

func TestAValueThatIsNotAdmittedEndsTheBatch(t *testing.T) {
	for _, slots := range []int{4, 256} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 1, slow, never, concurrency(slots))
			admitted := 0
			keys := keysFrom(t, 0, 30)
			for _, key := range keys[:5] {
				f.get(t, 0, key)
			}
			calls := f.count(ports.SourceCalled)
			got := f.services[0].GetMany(t.Context(), keys, func(*domain.Entry) error {
				if admitted++; admitted > 3 {
					return domain.ErrAnswerTooLarge
				}
				return nil
			})
			for i, r := range got {
				if i < 3 {
					require.NoError(t, r.Err)
					continue
				}
				require.ErrorIs(t, r.Err, domain.ErrAnswerTooLarge)
				require.Nil(t, r.Entry)
				require.Equal(t, domain.Failed, r.Outcome)
			}
			require.Equal(t, calls, f.count(ports.SourceCalled), "nothing more is loaded")
		})
	}
}

// heap returns what is alive.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// within returns a key that is a part of a text of 1 MiB, as of a request line.
func within(t *testing.T, name string) domain.Key {
	t.Helper()
	line := "GET " + name + strings.Repeat("?", 1<<20)
	return mustKey(t, line[4:4+len(name)])
}

func TestAContentTypeKeepsOnlyItsOwnBytes(t *testing.T) {
	header := strings.Repeat("x", 1<<20) + "text/plain"
	before := heap()
	entries := make([]*domain.Entry, 0, 100)
	for range 100 {
		header := strings.Clone(header)
		entries = append(entries, domain.NewEntry(domain.Value{ContentType: header[1<<20:]}, time.Second, 0))
	}
	require.Less(t, heap()-before, 25<<20)
	runtime.KeepAlive(entries)
}

func TestLargeValuesAreLoadedWithinABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reserved, most atomic.Int64
		load := func(ctx context.Context, _ int64) (domain.Value, error) {
			if err := ports.Reserve(ctx, 1<<20); err != nil {
				return domain.Value{}, err
			}
			most.Store(max(most.Load(), reserved.Add(1)))
			time.Sleep(time.Second)
			reserved.Add(-1)
			return domain.Value{Body: "v"}, nil
		}
		f := newFleet(t, 1, load, never)
		errs := make(chan error, 200)
		for _, key := range keysFrom(t, 0, 200) {
			go func() {
				_, err := f.services[0].Get(context.Background(), key)
				errs <- err
			}()
		}
		overloaded := 0
		for range 200 {
			if err := <-errs; err != nil {
				require.ErrorIs(t, err, domain.ErrOverloaded)
				overloaded++
			}
		}
		require.EqualValues(t, 16, most.Load())
		require.Positive(t, overloaded)
		require.Less(t, overloaded, 190)
		_, err := f.services[0].Get(t.Context(), mustKey(t, "later"))
		require.NoError(t, err, "all was given back")
	})
}
