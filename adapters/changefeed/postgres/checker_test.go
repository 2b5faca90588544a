package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// checker knows up to where the WAL was, at least, when each key was committed last,
// and which version was named for it.
type checker struct {
	mu               sync.Mutex
	committed, named map[string]uint64
	alls             int
}

func (c *checker) apply(_ context.Context, change ports.Change) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if change.All {
		c.alls++
	}
	for _, key := range change.Keys {
		c.named[key.String()] = max(c.named[key.String()], change.Version)
	}
	return nil
}

// missing returns how many keys were not named with a version from after their commit.
func (c *checker) missing() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, lsn := range c.committed {
		if c.named[key] <= lsn {
			n++
		}
	}
	return n
}

// write runs a transaction of a few random statements, some of which are rolled back.
func (c *checker) write(t *testing.T, db *sql.DB, random *rand.Rand) error {
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	touched := make(map[string]bool)
	for range 1 + random.IntN(3) {
		id := random.IntN(60)
		statement := fmt.Sprintf([]string{
			"INSERT INTO products VALUES (%[1]d, 1) ON CONFLICT (id) DO UPDATE SET n = products.n + 1 RETURNING id",
			"UPDATE products SET n = n + 1 WHERE id = %[1]d RETURNING id",
			"DELETE FROM products WHERE id = %[1]d RETURNING id",
			"WITH moved AS (UPDATE products SET id = id + 1000 WHERE id = %[1]d RETURNING id) SELECT id FROM moved UNION SELECT id - 1000 FROM moved",
		}[random.IntN(4)], id)
		if _, err := tx.ExecContext(t.Context(), "SAVEPOINT one"); err != nil {
			return err
		}
		keys, err := texts(t, tx, statement)
		if err != nil || random.IntN(5) == 0 { // such as a key that is there already
			if _, err := tx.ExecContext(t.Context(), "ROLLBACK TO one"); err != nil {
				return err
			}
			continue
		}
		for _, key := range keys {
			touched[key] = true
		}
	}
	time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond) // others commit
	at, err := texts(t, tx, "SELECT pg_current_wal_insert_lsn()::text")
	if err != nil {
		return err
	}
	if random.IntN(5) == 0 {
		return nil
	}
	lsn := position(t, at[0])
	c.mu.Lock()
	for key := range touched {
		c.committed[key] = max(c.committed[key], lsn)
	}
	c.mu.Unlock()
	return tx.Commit()
}

func texts(t *testing.T, tx *sql.Tx, query string) (all []string, err error) {
	rows, err := tx.QueryContext(t.Context(), query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// Writers whose transactions overlap, a feed whose connections break again and again:
// each key is named with a version from after its last commit.
func TestEachCommittedKeyIsNamedWhateverBreaks(t *testing.T) {
	const writers, each = 4, 60
	server := sqltest.StartPostgres(t, logical, "synchronous_commit=on", "deadlock_timeout=10ms")
	server.Exec("CREATE TABLE products (id int PRIMARY KEY, n int)")
	feed := newFeed(t, server.DSN(), "public.products", "{id}", slotted("products"))
	c := &checker{committed: make(map[string]uint64), named: make(map[string]uint64)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var following, writing sync.WaitGroup
	following.Go(func() {
		for ctx.Err() == nil {
			_ = feed.Follow(ctx, c.apply)
		}
	})
	all := func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.alls > 0 }
	require.Eventually(t, all, patience, time.Millisecond)
	db := server.Open()
	for w := range writers {
		writing.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(w)))
			for done := 0; done < each; {
				if c.write(t, db, random) == nil { // else a deadlock
					done++
				}
			}
		})
	}
	stop := make(chan struct{})
	following.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				_, _ = db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mlcache' AND random() < 0.5")
			}
		}
	})
	writing.Wait()
	close(stop)
	require.Eventually(t, func() bool { return c.missing() == 0 }, patience, 10*time.Millisecond)
	cancel()
	following.Wait()
	require.Equal(t, 1, c.alls)
	require.Greater(t, len(c.committed), 40)
}
