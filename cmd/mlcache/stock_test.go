package main

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

const (
	stockRows = 40
	// firstCanary is the first row that is added for a proof, see prove.
	firstCanary = 1001

	stockQuery = "SELECT id AS _key, n, mark FROM stock WHERE id = ANY(:keys)"
	// versionedStock is for the feeds whose versions are those of the rows.
	versionedStock = "SELECT id AS _key, n, mark, n AS _version FROM stock WHERE id = ANY(:keys)"

	stockLockTTL = 2 * time.Second
	// busyMachine is how long all that is due may be late, since others use the machine.
	busyMachine = time.Minute
)

// stock is a table whose rows only grow, with the ledger of it.
type stock struct {
	*ledger
	t                 *testing.T
	server            database // has it
	ttlWithoutChanges time.Duration
	marks             atomic.Int64
	canaries          atomic.Int64
	proofs            [10]atomic.Int64 // of each instance
}

// database is a server that the test may kill.
type database interface {
	DSN() string
	Exec(statements ...string)
	Open() *sql.DB
	KillAll()
	Restart()
}

// stockRoute is where a fleet has the rows from, and how it learns of changes.
type stockRoute struct {
	dsn, query, changes string
	ttl                 time.Duration // 0: an hour
}

// newStock creates the table. It is promised that nothing is served as fresh that was
// replaced before the feed of changes was down for its patience and the lock's TTL, or
// for longer than the TTL without changes, whichever is later.
func newStock(t *testing.T, server database, ttlWithoutChanges time.Duration, isMonotone bool) *stock {
	t.Helper()
	rows := make([]string, 0, stockRows)
	for i := range stockRows {
		rows = append(rows, fmt.Sprintf("(%d, %d, 0)", 1+i, firstNumber))
	}
	server.Exec("CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL, mark bigint NOT NULL)",
		"INSERT INTO stock VALUES "+strings.Join(rows, ", "))
	const patience = 15*time.Second + 2*time.Second // of the feed, as docs/changes.md says, and to notice
	late := max(patience+stockLockTTL, ttlWithoutChanges) + busyMachine
	return &stock{ledger: newLedger(late, isMonotone), t: t, server: server, ttlWithoutChanges: ttlWithoutChanges}
}

// serve starts n instances, with these flags besides.
func (s *stock) serve(n int, redis *redistest.Server, r stockRoute, flags ...string) *fleet {
	s.t.Helper()
	routes := filepath.Join(s.t.TempDir(), "routes.yaml")
	require.NoError(s.t, os.WriteFile(routes, fmt.Appendf(nil, `
routes:
  - prefix: "stock:"
    name: stock
    source: {type: sql, dsn: %q, query: %q}
    changes: %s
    ttl: %v
    ttl_without_changes: %v
`, r.dsn, r.query, r.changes, cmp.Or(r.ttl, time.Hour), s.ttlWithoutChanges), 0o600))
	f := &fleet{t: s.t, redis: redis}
	for range n {
		f.members = append(f.members, launch(s.t, 1, append([]string{
			fmt.Sprintf("--addr=127.0.0.1:%d", redistest.FreePort(s.t)), // the same again after a restart
			"--redis-url=" + f.redis.URL(), "--routes=" + routes, "--l2-timeout=20s", "--lock-ttl=" + stockLockTTL.String(),
			"--refresh-ahead=0", "--stale-if-error=0s", "--request-timeout=1m", "--source-timeout=30s", "--shutdown-timeout=1s", "--token=" + secret,
		}, flags...))...)
	}
	f.awaitSubscribed(f.redis)
	return f
}

// startStock starts the table in a PostgreSQL, and n instances that follow its changes.
func startStock(t *testing.T, n int, changes string) (*stock, *fleet) {
	t.Helper()
	server := startStockPostgres(t)
	s := newStock(t, server, 30*time.Second, false) // rows have no versions
	return s, s.serve(n, redistest.Start(t), stockRoute{dsn: server.DSN(), query: stockQuery, changes: changes})
}

// startStockPostgres starts a PostgreSQL that loses nothing when it is killed.
func startStockPostgres(t *testing.T) *sqltest.Postgres {
	t.Helper()
	return sqltest.StartPostgres(t, "wal_level=logical", "synchronous_commit=on", "wal_keep_size=256MB")
}

// commit writes rows in one transaction, which takes a while or is rolled back, and
// reports whether it was certainly committed.
func (s *stock) commit(db *sql.DB, ids []int, takes time.Duration, rollback bool) bool {
	tx, err := db.BeginTx(s.t.Context(), nil)
	if err != nil {
		return false
	}
	defer func() { _ = tx.Rollback() }()
	mark, rows := int(s.marks.Add(1)), make(map[int]int)
	for _, id := range ids {
		n := 0
		_, err := tx.ExecContext(s.t.Context(), fmt.Sprintf("UPDATE stock SET n = n + 1, mark = %d WHERE id = %d", mark, id))
		if err == nil {
			err = tx.QueryRowContext(s.t.Context(), fmt.Sprintf("SELECT n FROM stock WHERE id = %d", id)).Scan(&n)
		}
		if err != nil {
			return false
		}
		rows[id] = n
	}
	time.Sleep(takes)
	if rollback {
		return false
	}
	s.commits(mark, rows)
	if tx.Commit() != nil {
		return false
	}
	s.hasCommitted(mark)
	return true
}

// write commits changes in random order until over is closed. While the server is away
// none is. Some rows change often, and some hardly ever.
func (s *stock) write(seed uint64, over <-chan struct{}) {
	db, random := s.server.Open(), rand.New(rand.NewPCG(seed, 1))
	defer func() { _ = db.Close() }()
	for !isClosed(over) {
		ids := make([]int, 1+random.IntN(3))
		for i := range ids {
			u := random.Float64()
			ids[i] = 1 + int(stockRows*u*u*u)
		}
		slices.Sort(ids) // so that none waits for another in a circle
		s.commit(db, slices.Compact(ids), time.Duration(random.IntN(20))*time.Millisecond, random.IntN(10) == 0)
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// traffic writes, reads from all instances and proves what these know, while what lasts.
func (s *stock) traffic(f *fleet, what func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	for i, p := range f.members {
		all.Go(func() { s.write(uint64(i), over) })
		for reader := range 2 {
			all.Go(func() { s.readRows(p, i, uint64(reader), over) })
		}
		all.Go(func() { s.prove(p, i, over) })
	}
	defer all.Wait()
	defer close(over)
	what()
	s.mu.Lock() // readers go on
	defer s.mu.Unlock()
	s.t.Logf("%d reads; the oldest was of a row replaced %v before", s.reads, s.oldest)
}

func (s *stock) readRows(p *process, instance int, seed uint64, over <-chan struct{}) {
	random := rand.New(rand.NewPCG(seed, uint64(instance)))
	for !isClosed(over) && !s.t.Failed() {
		if _, ok := s.ask(p, instance, 1+random.IntN(stockRows)); !ok {
			time.Sleep(10 * time.Millisecond) // the database or the instance is away
		}
		time.Sleep(time.Millisecond)
	}
}

// ask reads a row, and checks that it may be so.
func (s *stock) ask(p *process, instance, id int) (got answered, ok bool) {
	began := time.Now()
	if got, ok = s.fetch(p, id); !ok {
		return answered{}, false
	}
	if err := s.read(instance, id, got.stored, began); err != nil {
		s.t.Errorf("%v: %s (after %v, at %v)", err, got.status, time.Since(began), time.Now().Format(time.TimeOnly))
		return answered{}, false
	}
	return got, true
}

// answered is a row with where it was found.
type answered struct {
	stored
	detail, status string
}

// fetch reads a row.
func (s *stock) fetch(p *process, id int) (got answered, ok bool) {
	r := p.ask("stock:" + strconv.Itoa(id))
	if r.status != http.StatusOK {
		return answered{}, false
	}
	got.detail, got.status = detail(r), r.header.Get("Cache-Status")
	ok = assert.NoError(s.t, json.Unmarshal([]byte(r.body), &got.stored), r.body)
	return got, ok
}

// prove proves again and again that p has been told of all changes, until over is closed.
// Changes are applied in the order of commits, those of a batch in any. So p has been told
// of those before if it held a new row in memory that has been replaced after a change,
// and then another one: not even a batch has the changes of both, and those of new rows,
// even if they are applied again, all came after. Only changes may have replaced the rows,
// so the proof has to be done before the TTL without changes has passed, and without a
// gap: after one, it is Redis that tells of each row when it is read.
func (s *stock) prove(p *process, instance int, over <-chan struct{}) {
	db := s.server.Open()
	defer func() { _ = db.Close() }()
	for ; !isClosed(over) && !s.t.Failed(); time.Sleep(50 * time.Millisecond) {
		rows, began, before := s.least(), time.Now(), p.subscription()
		inTime := func() bool {
			return time.Since(began) < s.ttlWithoutChanges && !isClosed(over) && !s.t.Failed()
		}
		seen := 0
		for seen < 2 && s.sees(db, p, inTime) {
			seen++
		}
		if seen == 2 && inTime() && strings.Contains(before, "up 1") && p.subscription() == before {
			s.proves(instance, rows)
			s.proofs[instance].Add(1)
		}
	}
}

// sees reports whether p held a new row in memory, and has replaced it after a change.
func (s *stock) sees(db *sql.DB, p *process, inTime func() bool) bool {
	canary := firstCanary + int(s.canaries.Add(1))
	until := func(holds func(answered) bool) bool {
		for inTime() {
			if got, ok := s.fetch(p, canary); ok && holds(got) {
				return true
			}
			time.Sleep(2 * time.Millisecond)
		}
		return false
	}
	write := func(statement string) bool {
		_, err := db.ExecContext(s.t.Context(), fmt.Sprintf(statement, canary))
		return err == nil
	}
	return write(fmt.Sprintf("INSERT INTO stock VALUES (%%d, %d, 0)", firstNumber)) &&
		until(func(got answered) bool { return got.detail == "l1" }) &&
		write("UPDATE stock SET n = n + 1 WHERE id = %d") &&
		until(func(got answered) bool { return got.N > firstNumber })
}

// awaitProofs waits until each instance that runs has received what is committed now.
func (s *stock) awaitProofs(f *fleet) {
	s.t.Helper()
	for i, p := range f.members {
		before := s.proofs[i].Load()
		eventually(s.t, "an instance is told of all changes", func() bool {
			return p.Over || s.t.Failed() || s.proofs[i].Load() >= before+2
		})
	}
}

// leader returns the place of the instance that follows the changes.
func (f *fleet) leader() (at int) {
	f.t.Helper()
	eventually(f.t, "one instance leads", func() bool {
		at = slices.IndexFunc(f.members, func(p *process) bool {
			return !p.Over && p.leads()
		})
		return at >= 0
	})
	return at
}

func (p *process) leads() bool {
	return strings.Contains(p.exposed(), `mlcache_changes_leader{route="stock"} 1`)
}

// subscription returns whether p receives invalidations, and how often it may have
// missed some.
func (p *process) subscription() string {
	return strings.Join(regexp.MustCompile(`mlcache_bus_(up|gaps_total) .*`).FindAllString(p.exposed(), -1), " ")
}

// exposed is what Prometheus would read, and empty while p is away.
func (p *process) exposed() string {
	return p.do(http.MethodGet, "/metrics?format=prometheus", "").body
}

// documented returns the statements of docs/changes.md for a database, with the versions
// of rows, and in a DELETE what deleted says.
func documented(t *testing.T, name, deleted string) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "changes.md"))
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```sql\n-- "+name+"\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	block = strings.NewReplacer("products", "stock", "product", "stock",
		"(id) VALUES (OLD.id), (NEW.id)", "(id, version) VALUES (OLD.id, NEW.n), (NEW.id, NEW.n)",
		"(id) VALUES (OLD.id)", "(id, version) VALUES (OLD.id, "+deleted+")",
	).Replace(block)
	require.Contains(t, block, "NEW.n")
	return strings.Split(strings.TrimSpace(block), "\n\n")
}
