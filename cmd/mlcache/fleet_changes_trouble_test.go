//go:build fleet

package main

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// followed is a way in which a fleet learns of changes, and where the rows come from.
type followed struct {
	ttlWithoutChanges time.Duration
	// isMonotone says that versions keep an instance from answering with an older one.
	isMonotone bool
	// rowVersions says that versions are the numbers of rows.
	rowVersions bool
	// mayBeEmptied says that Redis may lose all that it has.
	mayBeEmptied bool
	start        func(t *testing.T) database
	// route creates what it takes after the table.
	route func(t *testing.T, server database) stockRoute
}

const soon = 10 * time.Second

// TestFleetFollowsChangesThroughAllKindsOfTrouble kills, at seeded moments, the instance
// that leads, the database, and Redis, which comes back with what it had or empty, and
// ends subscriptions.
func TestFleetFollowsChangesThroughAllKindsOfTrouble(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]followed{
		"a temporary slot of PostgreSQL": {soon, false, false, true, stockPostgres, fromPrimary(stockQuery, `{type: postgres, table: public.stock, key: "stock:{id}"}`)},
		"a named slot of PostgreSQL":     {soon, false, false, true, synchronousPostgres, fromPrimary(stockQuery, `{type: postgres, table: public.stock, key: "stock:{id}", slot: mlcache}`)},
		"a change table of PostgreSQL":   {soon, true, true, true, stockPostgres, fromChangeTable("PostgreSQL", "NEW.n")},
		"a change table of MariaDB":      {soon, true, true, true, stockMariaDB, fromChangeTable("MariaDB, MySQL", "OLD.n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			through(t, way)
		})
	}
}

// through has what can break break.
func through(t *testing.T, way followed) {
	length, seed := soakSettings(t, time.Minute)
	t.Logf("MLCACHE_TEST_SOAK=%v MLCACHE_TEST_SOAK_SEED=%d", length, seed)
	server := way.start(t)
	s := newStock(t, server, way.ttlWithoutChanges, way.isMonotone)
	f := s.serve(3, redistest.Start(t, redistest.Durable()), slow(server, way.route(t, server)))
	h := havoc{stock: s, fleet: f, random: rand.New(rand.NewPCG(seed, 3)), mayBeEmptied: way.mayBeEmptied}
	over := make(chan struct{})
	var checking sync.WaitGroup
	if way.rowVersions {
		checking.Go(func() { s.requireFloors(f, over) })
	}
	defer checking.Wait()
	defer close(over)
	s.traffic(f, func() {
		for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); {
			s.awaitProofs(f)
			h.strike()
		}
		s.awaitProofs(f)
	})
}

// slow has rows arrive a while after they were read, so that changes come in between.
func slow(server database, r stockRoute) stockRoute {
	n := " n + (pg_sleep(random() * 0.03) IS NULL)::int AS n,"
	if _, ok := server.(*sqltest.MariaDB); ok {
		n = " n + SLEEP(RAND() * 0.03) AS n,"
	}
	r.query = strings.Replace(r.query, " n,", n, 1)
	return r
}

// havoc breaks parts of a fleet, and mends them.
type havoc struct {
	*stock
	*fleet
	random       *rand.Rand
	mayBeEmptied bool
}

// strike breaks one to three of four parts, in any order, and mends them after a while.
func (h *havoc) strike() {
	parts := []func() (mend func()){h.killLeader, h.killDatabase, h.killRedis, h.unsubscribe}
	h.random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	var mends []func()
	for _, strike := range parts[:1+h.random.IntN(2)+h.random.IntN(2)] {
		mends = append(mends, strike())
		time.Sleep(upTo(h.random, time.Second))
	}
	if h.random.IntN(5) == 0 {
		time.Sleep(20 * time.Second) // above the patience with the feed
	}
	for _, mend := range mends {
		time.Sleep(upTo(h.random, 2*time.Second))
		mend()
	}
}

func (h *havoc) killLeader() (mend func()) {
	at := h.random.IntN(len(h.members)) // if none leads, since another part is broken
	for i, p := range h.members {
		if !p.Over && p.leads() {
			at = i
		}
	}
	p := h.members[at]
	p.Kill()
	h.fleet.t.Logf("killed instance %d", at)
	return func() {
		h.restarts(at)
		p.restart()
	}
}

func (h *havoc) killDatabase() (mend func()) {
	h.server.KillAll()
	h.fleet.t.Log("killed the database")
	return h.server.Restart
}

func (h *havoc) killRedis() (mend func()) {
	h.redis.Kill()
	emptied := h.mayBeEmptied && h.random.IntN(2) == 0
	h.fleet.t.Logf("killed Redis, which comes back empty: %v", emptied)
	return func() {
		if emptied {
			h.redis.Forget()
		}
		h.redis.Restart()
	}
}

// unsubscribe ends the subscriptions of all instances again and again for a second.
func (h *havoc) unsubscribe() (mend func()) {
	h.fleet.t.Log("ends subscriptions")
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		_, _ = h.redis.Try("CLIENT", "KILL", "TYPE", "pubsub") // it may be away
	}
	return func() {}
}

func stockPostgres(t *testing.T) database { return startStockPostgres(t) }

// synchronousPostgres has a COMMIT wait for a standby, when it is in the WAL already.
func synchronousPostgres(t *testing.T) database {
	p := startStockPostgres(t)
	p.StartReplica("wal_retrieve_retry_interval=100ms")
	p.Exec("ALTER SYSTEM SET synchronous_standby_names = 'walreceiver'", "SELECT pg_reload_conf()")
	return p
}

func stockMariaDB(t *testing.T) database {
	return sqltest.StartMariaDB(t, "innodb-flush-log-at-trx-commit=2")
}

func fromPrimary(query, changes string) func(*testing.T, database) stockRoute {
	return func(_ *testing.T, server database) stockRoute {
		return stockRoute{dsn: server.DSN(), query: query, changes: changes}
	}
}

// fromChangeTable creates what is documented.
func fromChangeTable(name, deleted string) func(*testing.T, database) stockRoute {
	return func(t *testing.T, server database) stockRoute {
		server.Exec(documented(t, name, deleted)...)
		return stockRoute{
			dsn: server.DSN(), query: versionedStock, changes: `{type: table, table: stock_changes, key: "stock:{id}", versions: true}`,
		}
	}
}
