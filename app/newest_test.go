package app_test

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
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

// former is an L2Store that has what it had before, like one that was away.
type former struct {
	ports.L2Store
	had atomic.Pointer[domain.Copy]
}

func (f *former) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	if had := f.had.Load(); had != nil {
		return *had, true, nil
	}
	return f.L2Store.Get(ctx, key)
}

func (f *former) GetMany(ctx context.Context, keys []domain.Key) (found []ports.Found) {
	for _, key := range keys {
		c, ok, err := f.Get(ctx, key)
		found = append(found, ports.Found{Copy: c, OK: ok, Err: err})
	}
	return found
}

// Without Redis an instance loads on its own. Redis comes back with a version that is
// older, and fresh.
func TestAnInstanceDoesNotGoBackToAnOlderVersionThatL2Has(t *testing.T) {
	for name, ask := range map[string]func(*app.Service, domain.Key) (domain.Answer, error){
		"one": func(s *app.Service, key domain.Key) (domain.Answer, error) { return s.Get(context.Background(), key) },
		"many": func(s *app.Service, key domain.Key) (domain.Answer, error) {
			r := s.GetMany(context.Background(), []domain.Key{key}, nil)[0]
			return r.Answer, r.Err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l2, err := embedded.Open(embedded.Options{LockTTL: lockTTL, MaxBytes: 1 << 20, MaxValueBytes: 1 << 20})
				require.NoError(t, err)
				defer func() { require.NoError(t, l2.Close()) }()
				l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20})
				require.NoError(t, err)
				defer l1.Close()
				b, store := newBus(), &former{L2Store: l2}
				s, err := app.New(app.Ports{
					L1: l1, L2: store, Locker: l2, Bus: b, Purger: l2, Source: &fakeSource{load: versioned(2, 3)}, Recorder: counters.New(),
					Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
				}, app.DefaultOptions())
				require.NoError(t, err)
				defer func() { require.NoError(t, s.Close(context.Background())) }()
				key := mustKey(t, "k")
				_, err = ask(s, key)
				require.NoError(t, err)
				store.had.Store(&domain.Copy{Entry: domain.NewEntry(domain.Value{Body: "old", Version: 1}, time.Hour, 0), Remaining: time.Hour})
				b.reconnect()
				for range 2 {
					got, err := ask(s, key)
					require.NoError(t, err)
					require.EqualValues(t, 3, got.Entry.Version())
				}
			})
		})
	}
}
