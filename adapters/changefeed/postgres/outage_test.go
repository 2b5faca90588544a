package postgres

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestAKilledServerLosesNoChangeOfANamedSlot(t *testing.T) {
	server := sqltest.StartPostgres(t, logical, "synchronous_commit=on")
	server.Exec("CREATE TABLE products (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.products", "{id}", slotted("products"))
	temporary := newFeed(t, server.DSN(), "public.products", "{id}")
	f := follow(t, feed)
	f.all()
	missing := make(map[string]bool)
	for round := range 3 {
		for i := range 20 {
			id := fmt.Sprint(round*100 + i)
			missing[id] = true
			server.Exec("INSERT INTO products VALUES (" + id + ")")
		}
		for range 1 + round { // some are received before, some are not
			for _, key := range names(f.next()) {
				delete(missing, key)
			}
		}
		server.KillAll()
		require.Error(t, f.end())
		require.Error(t, follow(t, feed).end(), "the server is down")
		server.Restart()
		f = follow(t, feed)
	}
	for len(missing) > 0 {
		c := f.next()
		require.False(t, c.All)
		for _, key := range names(c) {
			delete(missing, key)
		}
	}
	f.stopped()
	require.True(t, follow(t, temporary).next().All)
}

func TestASlotWhoseWALIsGoneBeginsAgainWithAll(t *testing.T) {
	server := sqltest.StartPostgres(t, logical, "max_slot_wal_keep_size=1MB", "max_wal_size=64MB")
	server.Exec("CREATE TABLE products (id int PRIMARY KEY)", "CREATE TABLE other (t text)")
	feed := newFeed(t, server.DSN(), "public.products", "{id}", slotted("products"))
	f := follow(t, feed)
	f.begins()
	f.stopped()
	server.Exec("INSERT INTO products VALUES (1)")
	require.Eventually(t, func() bool {
		server.Exec("INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 100)", "SELECT pg_switch_wal()", "CHECKPOINT")
		return value[string](t, server, "SELECT wal_status FROM pg_replication_slots") == "lost"
	}, patience, time.Millisecond)
	f = follow(t, feed)
	f.all()
	server.Exec("INSERT INTO products VALUES (2)")
	f.keys("2")
}

func TestATransactionOfAMillionRowsIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("a million rows")
	}
	server := sqltest.StartPostgres(t, logical)
	server.Exec("CREATE TABLE products (id int PRIMARY KEY, name text)")
	feed := newFeed(t, server.DSN(), "public.products", "product {id} with a long key, so that a million of them need a hundred megabytes",
		func(o *Options) { o.MaxKeys = 1000 })
	f := follow(t, feed)
	f.all()
	stop, highest := make(chan struct{}), make(chan uint64)
	go func() {
		var top uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapAlloc)
			select {
			case <-stop:
				highest <- top
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	server.Exec("INSERT INTO products SELECT i, 'name ' || i FROM generate_series(1, 1000000) i")
	f.all()
	server.Exec("INSERT INTO products VALUES (0, 'last')")
	for c := f.next(); !slices.ContainsFunc(names(c), func(key string) bool { return key[:10] == "product 0 " }); {
		c = f.next()
	}
	close(stop)
	require.Less(t, <-highest, uint64(64<<20))
}

// Where many transactions come while apply runs, they are gathered within the limit.
func TestManyChangesDuringAnApplyAreBounded(t *testing.T) {
	server := sqltest.StartPostgres(t, logical)
	server.Exec("CREATE TABLE products (id int PRIMARY KEY)")
	var calls atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	feed := newFeed(t, server.DSN(), "public.products", "{id}", func(o *Options) { o.MaxKeys = 50 })
	err := feed.Follow(ctx, func(_ context.Context, c ports.Change) error {
		require.LessOrEqual(t, len(c.Keys), 50)
		switch calls.Add(1) {
		case 1:
			require.True(t, c.All)
			for i := range 200 {
				server.Exec(fmt.Sprintf("INSERT INTO products VALUES (%d)", i))
			}
		default:
			if c.All || slices.Contains(names(c), "199") {
				cancel()
			}
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
}
