package app_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// late is a second layer that has to be asked for each key of a batch, and takes as
// many milliseconds for that as the key's last byte says.
type late struct{ *embedded.Layer }

func (l late) GetMany(_ context.Context, keys []domain.Key) []ports.Found {
	found := make([]ports.Found, len(keys))
	for i := range found {
		found[i].Large = true
	}
	return found
}

func (l late) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	text := key.String()
	time.Sleep(time.Duration(text[len(text)-1]-'0') * time.Millisecond)
	return l.Layer.Get(ctx, key)
}

func TestAStatementWaitsForKeysOfABatchThatAreOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		o, l2, began := app.DefaultOptions(), late{newFleetOn(t, 0, source).l2}, time.Now()
		l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20})
		require.NoError(t, err)
		defer l1.Close()
		s, err := app.New(app.Ports{
			L1: l1, L2: l2, Locker: l2, Bus: newBus(), Purger: l2, Source: source, Recorder: counters.New(), Logger: slog.New(slog.DiscardHandler),
		}, o)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close(context.Background())) }()
		const last = 8 * time.Millisecond
		require.Greater(t, last, 2*batchWait)
		for _, r := range s.GetMany(t.Context(), named(t, "k", 9), nil) {
			require.NoError(t, r.Err)
		}
		require.Len(t, source.statements, 1)
		require.Less(t, time.Since(began), loadTime+3*last, "it waits no longer than for the last key, which is looked up twice")
	})
}

func TestKeysOfABatchThatAreLoadedAlreadyHoldUpNoStatement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, keys := newFleetOn(t, 1, source, never), named(t, "k", 3)
		var all sync.WaitGroup
		all.Go(func() { f.getAll(0, keys[:1], isRow(t)) })
		time.Sleep(loadTime / 2)
		began := time.Now()
		f.services[0].GetMany(t.Context(), keys, nil)
		require.Equal(t, loadTime+batchWait, time.Since(began))
		require.Len(t, source.statements, 2)
		all.Wait()
	})
}

// A value of 64 KiB takes 128 KiB of memory, of which there are 32 MiB.
func TestStatementsWithLargeValuesDoNotKeepTheMemoryFromEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(t, 1, &table{size: 64 << 10}, never)
		f.getAll(0, named(t, "k", 600), isRow(t))
		for _, r := range f.services[0].GetMany(t.Context(), named(t, "batch", 600), nil) {
			require.NoError(t, r.Err)
		}
	})
}

// What waits for another instance's lease has memory, perhaps, but not the turn.
func TestAStatementThatHasBeenReadLetsOthersTakeMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{size: 64 << 10, takes: func(keys []domain.Key) time.Duration {
			if keys[0].String() == "held0" {
				return 4 * loadTime
			}
			return loadTime
		}}
		f := newFleetOn(t, 2, source, never, func(o *app.Options) { o.SourceTimeout, o.RequestTimeout = time.Minute, time.Hour })
		held := named(t, "held", 1)
		var all sync.WaitGroup
		all.Go(func() { f.getAll(1, held, isRow(t)) })
		time.Sleep(loadTime / 4)
		all.Go(func() { f.getAll(0, append(held, named(t, "k", 1)...), isRow(t)) })
		time.Sleep(3 * loadTime / 2)
		began := time.Now()
		f.getAll(0, named(t, "other", 1), isRow(t))
		require.Equal(t, loadTime+batchWait+time.Millisecond, time.Since(began))
		all.Wait()
	})
}
