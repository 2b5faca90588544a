package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// stock is a table whose rows only grow, with what was committed when.
type stock struct {
	t      *testing.T
	server *sqltest.Postgres

	mu        sync.Mutex
	committed map[int][]commit
}

type commit struct {
	at time.Time
	n  int
}

const (
	stockRows = 20
	// late is how long a change may take, an outage included, on a busy machine. What is
	// promised is feedPatience and TTLWithoutChanges.
	late = 2 * time.Minute
)

// startStock starts the table, and n instances that follow its changes with a TTL of an
// hour.
func startStock(t *testing.T, n int, changes string) (*stock, *fleet) {
	t.Helper()
	server := sqltest.StartPostgres(t, "wal_level=logical", "synchronous_commit=on")
	server.Exec("CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL)",
		fmt.Sprintf("INSERT INTO stock SELECT i, 0 FROM generate_series(1, %d) i", stockRows), "CHECKPOINT")
	routes := filepath.Join(t.TempDir(), "routes.yaml")
	require.NoError(t, os.WriteFile(routes, fmt.Appendf(nil, `
routes:
  - prefix: "stock:"
    name: stock
    source: {type: sql, dsn: "%s", query: "SELECT id AS _key, n FROM stock WHERE id = ANY(:keys)"}
    changes: %s
    ttl: 1h
`, server.DSN(), changes), 0o600))
	f := &fleet{t: t, redis: redistest.Start(t)}
	f.members = launch(t, n, []string{
		"--redis-url=" + f.redis.URL(), "--routes=" + routes, "--l2-timeout=20s", "--lock-ttl=2s", "--refresh-ahead=0", "--stale-if-error=0s",
		"--request-timeout=1m", "--source-timeout=30s", "--shutdown-timeout=1s", "--token=" + secret,
	})
	f.awaitSubscribed(f.redis)
	return &stock{t: t, server: server, committed: make(map[int][]commit)}, f
}

// write commits changes in random order until over is closed. While the server is away
// none is.
func (s *stock) write(seed uint64, over <-chan struct{}) {
	db, random := s.server.Open(), rand.New(rand.NewPCG(seed, 1))
	defer func() { _ = db.Close() }()
	for {
		select {
		case <-over:
			return
		default:
		}
		id, n, rollback := 1+random.IntN(stockRows), 0, random.IntN(10) == 0
		tx, err := db.BeginTx(s.t.Context(), nil)
		if err == nil {
			err = tx.QueryRow("UPDATE stock SET n = n + 1 WHERE id = $1 RETURNING n", id).Scan(&n)
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			if err != nil || rollback {
				_ = tx.Rollback()
				continue
			}
			err = tx.Commit()
		}
		if err == nil {
			s.mu.Lock()
			s.committed[id] = append(s.committed[id], commit{time.Now(), n})
			s.mu.Unlock()
		}
	}
}

// least is what a read that began then has to answer for id at least, when changes take
// so long to arrive.
func (s *stock) least(id int, began time.Time, late time.Duration) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.committed[id] {
		if c.at.Before(began.Add(-late)) {
			n = max(n, c.n)
		}
	}
	return n
}

// traffic writes, and reads from all instances, while what lasts.
func (s *stock) traffic(f *fleet, what func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	for i, p := range f.members {
		all.Go(func() { s.write(uint64(i), over) })
		all.Go(func() { s.read(p, uint64(i), over) })
	}
	defer all.Wait()
	defer close(over)
	what()
}

// read reads rows from p until over is closed, and requires that none is older than
// allowed, nor than what it has read before.
func (s *stock) read(p *process, seed uint64, over <-chan struct{}) {
	random, seen := rand.New(rand.NewPCG(seed, 2)), make(map[int]int)
	for {
		select {
		case <-over:
			return
		default:
		}
		id, began := 1+random.IntN(stockRows), time.Now()
		n, ok := s.ask(p, id)
		if !ok {
			continue
		}
		least := s.least(id, began, late)
		if !assert.GreaterOrEqual(s.t, n, least, "row %d as read %v ago from %s", id, time.Since(began), p.base) ||
			!assert.GreaterOrEqual(s.t, n, seen[id], "row %d went back at %s", id, p.base) {
			return
		}
		seen[id] = n
	}
}

func (s *stock) ask(p *process, id int) (n int, ok bool) {
	r := p.ask("stock:" + strconv.Itoa(id))
	if r.status != http.StatusOK {
		time.Sleep(10 * time.Millisecond) // the database or the instance is away
		return 0, false
	}
	n, err := strconv.Atoi(r.body)
	return n, assert.NoError(s.t, err, r.body)
}

// awaitCommits waits until so many more transactions have been committed.
func (s *stock) awaitCommits(more int) {
	s.t.Helper()
	count := func() (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, all := range s.committed {
			n += len(all)
		}
		return n
	}
	before := count()
	eventually(s.t, "there are more commits", func() bool { return count() >= before+more })
}

// requireLast returns when all instances answer what was committed last.
func (s *stock) requireLast(f *fleet) {
	s.t.Helper()
	for id := 1; id <= stockRows; id++ {
		last := s.least(id, time.Now(), -time.Hour)
		for _, p := range f.members {
			eventually(s.t, "an instance answers the last value", func() bool {
				n, ok := s.ask(p, id)
				return p.Over || ok && n >= last
			})
		}
	}
}

// leader returns the place of the instance that follows the changes.
func (f *fleet) leader() (at int) {
	f.t.Helper()
	eventually(f.t, "one instance leads", func() bool {
		at = -1
		for i, p := range f.members {
			if p.Over {
				continue
			}
			if strings.Contains(p.mustGet("/metrics?format=prometheus").body, `mlcache_changes_leader{route="stock"} 1`) {
				at = i
			}
		}
		return at >= 0
	})
	return at
}

func TestFleetFollowsTheChangesOfPostgreSQL(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]string{
		"temporary slot": `{type: postgres, table: public.stock, key: "stock:{id}"}`,
		"named slot":     `{type: postgres, table: public.stock, key: "stock:{id}", slot: mlcache}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := startStock(t, 3, changes)
			f.leader()
			s.traffic(f, func() { s.awaitCommits(100) })
			s.requireLast(f) // by invalidations of rows alone
			s.traffic(f, func() {
				s.server.KillAll()
				s.server.Restart()
				s.awaitCommits(100)
				f.members[f.leader()].Kill()
				s.awaitCommits(100)
			})
			f.leader()
			s.requireLast(f)
		})
	}
}
