package postgres

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// A COMMIT that waits for a synchronous replica is in the stream, but no statement sees
// it: what is loaded then would be the old row.
func TestAChangeIsAppliedWhenStatementsSeeIt(t *testing.T) {
	server := sqltest.StartPostgres(t, logical, "synchronous_commit=on")
	server.Exec("CREATE TABLE products (id int PRIMARY KEY)")
	f := follow(t, newFeed(t, server.DSN(), "public.products", "{id}"))
	f.begins()
	server.Exec("ALTER SYSTEM SET synchronous_standby_names = 'none'", "SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		return value[string](t, server, "SHOW synchronous_standby_names") == "none"
	}, patience, time.Millisecond)
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		server.Exec("INSERT INTO products VALUES (7)")
	}()
	waits := func() int {
		return value[int](t, server, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'INSERT%'")
	}
	require.Eventually(t, func() bool { return waits() == 1 }, patience, time.Millisecond)
	for range 3 {
		f.idle() // also by what was received before the COMMIT
	}
	require.Zero(t, value[int](t, server, "SELECT count(*) FROM products"))
	server.Exec("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
	<-committed
	for c := f.next(); len(c.Keys) == 0; c = f.next() {
		require.False(t, c.All)
	}
}

func TestWhatWasNotVisibleWhenTheSlotWasCreatedChangesLater(t *testing.T) {
	server := sqltest.StartPostgres(t, logical)
	server.Exec("CREATE TABLE products (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.products", "{id}")
	tx, err := server.Open().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	f := follow(t, feed)
	f.begins()
	f.stopped()

	conn, err := connect(t.Context(), feed.config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = tx.ExecContext(t.Context(), "INSERT INTO products VALUES (7)")
	require.NoError(t, err)
	open, err := openTransactions(t.Context(), conn)
	require.NoError(t, err)
	require.Len(t, open, 1)
	s := newSession(feed, conn, nil, "", open)
	require.NoError(t, s.settle(t.Context(), time.Now()))
	_, put := s.inbox.take()
	require.False(t, put, "it is still open")
	require.NoError(t, tx.Commit())
	require.Eventually(t, func() bool { // the server has answered before it has ended the transaction
		require.NoError(t, s.settle(t.Context(), time.Now()))
		b, put := s.inbox.take()
		return put && b.keys.All()
	}, patience, time.Millisecond)
	require.Empty(t, s.unsettled)
}

func TestManyTransactionsOfABatchAreAnInterval(t *testing.T) {
	var few, many transactions
	few.add(transactions{ids: []uint32{7, 9}})
	require.True(t, few.has(7) && few.has(9))
	require.False(t, few.has(8))
	for id := range uint32(manyTransactions + 10) {
		many.add(transactions{ids: []uint32{math.MaxUint32 - 5 + id}}) // ids wrap around
	}
	require.Len(t, many.ids, 2)
	require.True(t, many.has(math.MaxUint32-5) && many.has(0) && many.has(manyTransactions+3))
	require.False(t, many.has(math.MaxUint32-6) || many.has(manyTransactions+4))
}
