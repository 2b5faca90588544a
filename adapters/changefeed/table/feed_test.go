package table_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed/table"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

// patience is for what happens by itself, on any machine.
const patience = time.Minute

// TestEachDatabase runs all on each of them, with a table of products and what
// docs/changes.md says to run.
func TestEachDatabase(t *testing.T) {
	for name, start := range map[string]func(*testing.T) string{
		"PostgreSQL":     func(t *testing.T) string { return sqltest.StartPostgres(t).DSN() },
		"MariaDB, MySQL": func(t *testing.T) string { return sqltest.StartMariaDB(t).DSN() },
		"SQLite": func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "shop.db")
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			return "sqlite://" + file + "?_pragma=journal_mode(wal)"
		},
	} {
		t.Run(name, func(t *testing.T) { onDatabase(t, name, start(t)) })
	}
}

func onDatabase(t *testing.T, name, dsn string) {
	pool, err := sqlsource.OpenPool(dsn, patience)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	d := &database{t: t, Pool: pool}
	d.exec("CREATE TABLE products (id int PRIMARY KEY, name varchar(20))")
	for _, statement := range documented(t, name) {
		d.exec(statement)
	}
	for what, test := range map[string]func(*testing.T, *database){
		"triggers name the keys of rows":                triggersNameKeys,
		"what was not applied comes again":              unappliedComesAgain,
		"more rows than the limit are all":              tooManyAreAll,
		"versions are those of the rows":                versionsOfRows,
		"rows that are committed late are not lost":     lateCommits,
		"a transaction that stays open holds up nobody": openTransaction,
		"no row of concurrent writers is lost":          concurrentWriters,
	} {
		t.Run(what, func(t *testing.T) {
			d := &database{t: t, Pool: pool}
			d.exec("DELETE FROM products")
			d.exec("DELETE FROM product_changes")
			test(t, d)
		})
	}
}

// documented returns the statements of docs/changes.md for a database.
func documented(t *testing.T, name string) []string {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "changes.md"))
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```sql\n-- "+name+"\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	return strings.Split(strings.TrimSpace(block), "\n\n")
}

type database struct {
	t *testing.T
	*sqlsource.Pool
}

func (d *database) exec(statement string) {
	d.t.Helper()
	_, err := d.ExecContext(d.t.Context(), statement)
	require.NoError(d.t, err, statement)
}

func (d *database) waiting() (n int) {
	d.t.Helper()
	require.NoError(d.t, d.QueryRowContext(d.t.Context(), "SELECT count(*) FROM product_changes").Scan(&n))
	return n
}

func (d *database) feed(change ...func(*table.Options)) *table.Feed {
	d.t.Helper()
	o := table.Options{DB: d.DB, Kind: d.Kind(), Table: "product_changes", Key: "{id}", Interval: time.Millisecond, Timeout: patience, Redacted: d.Redacted}
	for _, f := range change {
		f(&o)
	}
	feed, err := table.New(o)
	require.NoError(d.t, err)
	return feed
}

// following is what a feed said.
type following struct {
	t       *testing.T
	changes chan ports.Change
}

func (d *database) follow(t *testing.T, feed *table.Feed) *following {
	t.Helper()
	f := &following{t: t, changes: make(chan ports.Change)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := feed.Follow(ctx, func(ctx context.Context, c ports.Change) error {
			select {
			case f.changes <- c:
			case <-ctx.Done():
				return ctx.Err() // nobody has read it
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the feed has ended: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return f
}

func (f *following) next() ports.Change {
	f.t.Helper()
	select {
	case c := <-f.changes:
		return c
	case <-time.After(patience):
		require.FailNow(f.t, "no change")
		return ports.Change{}
	}
}

// keys waits until these keys were named, and no others.
func (f *following) keys(want ...string) (last ports.Change) {
	f.t.Helper()
	var got []string
	for len(got) < len(want) {
		last = f.next()
		require.False(f.t, last.All)
		for _, key := range last.Keys {
			if !slices.Contains(got, key.String()) {
				got = append(got, key.String())
			}
		}
	}
	require.ElementsMatch(f.t, want, got)
	return last
}

func (f *following) all() {
	f.t.Helper()
	for c := f.next(); !c.All; c = f.next() {
		require.Empty(f.t, c.Keys)
	}
}

func triggersNameKeys(t *testing.T, d *database) {
	d.exec("INSERT INTO products VALUES (1, 'x')") // while nobody follows
	f := d.follow(t, d.feed())
	f.keys("1")
	d.exec("UPDATE products SET name = 'y'")
	require.Less(t, f.keys("1").Behind, patience)
	d.exec("UPDATE products SET id = 2")
	f.keys("1", "2")
	d.exec("DELETE FROM products")
	f.keys("2")
	d.exec("INSERT INTO product_changes (id) VALUES (NULL)")
	f.all()
	if d.Kind() == "postgres" {
		d.exec("TRUNCATE products")
		f.all()
	}
	c := f.next()
	require.Equal(t, ports.Change{Behind: c.Behind}, c, "an idle feed says that it lives")
	require.Less(t, c.Behind, patience)
	require.Zero(t, d.waiting())
}

func unappliedComesAgain(t *testing.T, d *database) {
	d.exec("INSERT INTO products VALUES (1, 'x'), (2, 'x')")
	failed := errors.New("apply failed")
	for range 2 {
		err := d.feed().Follow(t.Context(), func(_ context.Context, c ports.Change) error {
			require.Len(t, c.Keys, 2)
			return failed
		})
		require.Equal(t, failed, err)
		require.Equal(t, 2, d.waiting())
	}
	d.follow(t, d.feed()).keys("1", "2")
}

func tooManyAreAll(t *testing.T, d *database) {
	for i := range 11 {
		d.exec(fmt.Sprintf("INSERT INTO products VALUES (%d, 'x')", i))
	}
	var said []string
	ctx, cancel := context.WithCancel(t.Context())
	err := d.feed(func(o *table.Options) { o.MaxKeys = 4 }).Follow(ctx, func(_ context.Context, c ports.Change) error {
		switch {
		case c.All:
			said = append(said, "all")
		case len(c.Keys) > 0:
			said = append(said, c.Keys[0].String())
		default:
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"all", "all", "10"}, said)
	require.Zero(t, d.waiting())
}

// Each key has the version of its own row, since row versions of two rows do not compare.
func versionsOfRows(t *testing.T, d *database) {
	d.exec("INSERT INTO product_changes (id, version) VALUES ('a', 1), ('b', 7), ('c', 7), ('a', 3), ('a', 2), ('d', NULL)")
	got := make(map[string]uint64)
	f := d.follow(t, d.feed())
	for len(got) < 4 {
		c := f.next()
		for _, key := range c.Keys {
			require.NotContains(t, got, key.String())
			got[key.String()] = c.Version
		}
	}
	require.Equal(t, map[string]uint64{"a": 3, "b": 7, "c": 7, "d": 0}, got)
}

// Transactions take their numbers in one order and commit in another. A feed that
// kept a position would pass those over that are committed after higher numbers.
func lateCommits(t *testing.T, d *database) {
	const transactions, rounds = 6, 10
	if d.Kind() == "sqlite" {
		return // has one writer at a time: the order of commits is that of the numbers
	}
	f := d.follow(t, d.feed())
	random := rand.New(rand.NewPCG(1, 2))
	for round := range rounds {
		open := make(map[string]*sql.Tx)
		for i := range transactions {
			tx, err := d.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			id := fmt.Sprint(round*transactions + i)
			_, err = tx.ExecContext(t.Context(), "INSERT INTO products VALUES ("+id+", 'x')")
			require.NoError(t, err)
			open[id] = tx
		}
		ids := make([]string, 0, transactions)
		for i := range transactions {
			ids = append(ids, fmt.Sprint(round*transactions+i))
		}
		random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for i, id := range ids {
			if i == 2 {
				require.NoError(t, open[id].Rollback())
				continue
			}
			require.NoError(t, open[id].Commit())
			f.keys(id) // before the next one is committed
		}
	}
}

// Several rows are removed at once, beside one that is not committed.
func openTransaction(t *testing.T, d *database) {
	if d.Kind() == "sqlite" {
		return // has one writer at a time
	}
	d.exec("INSERT INTO products VALUES (1, 'x'), (2, 'x'), (3, 'x')")
	tx, err := d.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "INSERT INTO products VALUES (4, 'x')")
	require.NoError(t, err)
	f := d.follow(t, d.feed())
	f.keys("1", "2", "3")
	d.exec("INSERT INTO products VALUES (5, 'x')")
	f.keys("5") // which is read when the others have been removed
	require.NoError(t, tx.Commit())
	f.keys("4")
}

// Many writers, whose order of commits nobody knows.
func concurrentWriters(t *testing.T, d *database) {
	const writers, each = 8, 25
	want := make(map[string]bool)
	var running sync.WaitGroup
	for w := range writers {
		for i := range each {
			want[fmt.Sprint(w*each+i)] = true
		}
		running.Go(func() {
			for i := range each {
				_, err := d.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO products VALUES (%d, 'x')", w*each+i))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	f := d.follow(t, d.feed(func(o *table.Options) { o.MaxKeys = writers * each }))
	for len(want) > 0 {
		for _, key := range f.next().Keys {
			delete(want, key.String())
		}
	}
	running.Wait()
}

func TestErrorsAreOneLineWithoutSecrets(t *testing.T) {
	for message, change := range map[string]func(*table.Options){
		"change table: key template \"id\" must name at least one column, as {id}": func(o *table.Options) { o.Key = "id" },
		"change table: DB is missing": func(o *table.Options) { o.DB = nil },
		"change table: Kind is \"mariadb\", must be postgres, mysql, oracle or sqlite":              func(o *table.Options) { o.Kind = "mariadb" },
		"change table: Table is \"a; b\", must be as name or schema.name, of letters, digits and _": func(o *table.Options) { o.Table = "a; b" },
		"change table: Interval, MaxKeys and Timeout must not be negative":                          func(o *table.Options) { o.MaxKeys = -1 },
	} {
		o := table.Options{DB: new(sql.DB), Kind: "oracle", Table: "shop.changes", Key: "{id}"}
		change(&o)
		_, err := table.New(o)
		require.EqualError(t, err, message)
	}
	file := filepath.Join(t.TempDir(), "s3cret.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	pool, err := sqlsource.OpenPool("sqlite://"+file, patience)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	d := &database{t: t, Pool: pool}
	follow := func(change ...func(*table.Options)) error { return d.feed(change...).Follow(t.Context(), nil) }
	err = follow(func(o *table.Options) {
		o.Redacted = func(text string) string { return strings.ReplaceAll(text, "product", "[redacted]") }
	})
	require.EqualError(t, err, "change table product_changes: SQL logic error: no such table: [redacted]_changes (1)")
	d.exec("CREATE TABLE product_changes (seq text, changed_at text, id, version)")
	require.EqualError(t, follow(func(o *table.Options) { o.Key = "{sku}" }), "change table product_changes: there is no column sku, which the key needs")
	for values, message := range map[string]string{
		"('x', NULL, 'a', 1)": "column seq is not a whole number",
		"(1, NULL, 'a', -1)":  "column version is not a number from 0 to 18446744073709551615",
		"(1, NULL, 1.5, 1)":   "column id, which the key needs, is neither text nor a whole number",
	} {
		d.exec("DELETE FROM product_changes")
		d.exec("INSERT INTO product_changes VALUES " + values)
		require.EqualError(t, follow(), "change table product_changes: "+message)
	}
}
