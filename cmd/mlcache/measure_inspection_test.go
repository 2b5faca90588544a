//go:build measure

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// TestMeasureInspection measures which part of hits the inspector finds to differ for
// more than a second, with writes that the feed of changes sees and with writes past
// it, beside the part that the TTL and the rate of these writes come to.
func TestMeasureInspection(t *testing.T) {
	const ttl, lasts = 4 * time.Second, time.Minute
	fmt.Printf("\n| a TTL of %v, %v of hits | writes a second of a key | looked at | differ for 1 s, at most %% | found %% |\n|--|--:|--:|--:|--:|\n", ttl, lasts)
	server := startStockPostgres(t)
	s := newStock(t, server, time.Minute, false)
	server.Exec(documented(t, "PostgreSQL", "NEW.n")...)
	for _, way := range []struct {
		name string
		set  string // how the trigger is passed by
		past bool
	}{{"through the feed", "origin", false}, {"past the feed", "replica", true}} {
		for _, rate := range []float64{0.02, 0.2, 2} {
			f := s.serve(1, redistest.Start(t), stockRoute{
				server.DSN(), versionedStock, `{type: table, table: stock_changes, key: "stock:{id}"}`, ttl,
			}, "--inspect-per-second=20", "--ttl-jitter=0")
			f.leader()
			over := make(chan struct{})
			var all sync.WaitGroup
			all.Go(func() { s.rewrite(way.set, rate, over) })
			all.Go(func() { s.hit(f.members[0], over) })
			time.Sleep(lasts)
			close(over)
			all.Wait()
			inspected, differ := f.members[0].inspected()
			most := 0.0 // a copy is looked at again after a second or a little more
			if until := (ttl - time.Second).Seconds(); way.past {
				most = (until - (1-math.Exp(-rate*until))/rate) / ttl.Seconds()
			}
			fmt.Printf("| %s | %g | %.0f | %.1f | %.1f |\n", way.name, rate, inspected-differ, 100*most, 100*differ/(inspected-differ))
			f.members[0].End()
		}
	}
}

// rewrite changes rows at random, so often a second each, with the triggers that the
// role of a session has.
func (s *stock) rewrite(role string, rate float64, over <-chan struct{}) {
	conn, err := s.server.Open().Conn(s.t.Context())
	require.NoError(s.t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(s.t.Context(), "SET session_replication_role = "+role)
	require.NoError(s.t, err)
	random := rand.New(rand.NewPCG(1, 0))
	for next := time.Now(); !isClosed(over); time.Sleep(time.Until(next)) {
		next = next.Add(time.Duration(random.ExpFloat64() / (rate * stockRows) * float64(time.Second)))
		_, err := conn.ExecContext(context.Background(), fmt.Sprintf("UPDATE stock SET n = n + 1 WHERE id = %d", 1+random.IntN(stockRows)))
		require.NoError(s.t, err)
	}
}

// hit reads rows at random, so often that most reads are hits.
func (s *stock) hit(p *process, over <-chan struct{}) {
	random := rand.New(rand.NewPCG(2, 0))
	for !isClosed(over) {
		p.ask("stock:" + strconv.Itoa(1+random.IntN(stockRows)))
		time.Sleep(time.Duration(random.ExpFloat64() * float64(2*time.Millisecond)))
	}
}

// inspected returns how many copies were looked at, and how many differed for a second.
func (p *process) inspected() (total, differ float64) {
	p.t.Helper()
	text := p.mustGet("/metrics?format=prometheus").body
	of := func(pattern string) float64 {
		found := regexp.MustCompile(`(?m)^` + pattern + ` (\S+)$`).FindStringSubmatch(text)
		require.NotNil(p.t, found, "%s in %s", pattern, text)
		n, err := strconv.ParseFloat(found[1], 64)
		require.NoError(p.t, err)
		return n
	}
	return of(`mlcache_inspected_total\{route="stock"\}`), of(`mlcache_inconsistent_total\{.*after="1s".*\}`)
}
