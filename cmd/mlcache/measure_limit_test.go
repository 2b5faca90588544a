//go:build measure

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// measured is how long clients ask, after as long again in which the limit adapts.
const measured = 8 * time.Second

// goodput has clients ask for cold keys, each for one after the other, and prints how
// many answers with a value a second there were, how many without, and how long those
// with one took.
func goodput(t *testing.T, what string, in *instance, clients int) {
	t.Helper()
	var took figures
	var failed, next atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for time.Since(began) < 2*measured {
				asked := time.Now()
				status := in.mustGet(fmt.Sprint("/data/", next.Add(1))).status
				switch {
				case asked.Sub(began) < measured:
				case status == http.StatusOK:
					took.add(time.Since(asked))
				default:
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	n, p50, p99, _ := took.summary()
	fmt.Printf("| %s | %.0f | %.0f | %.0f | %.0f | %.0f |\n", what, float64(n)/measured.Seconds(), float64(failed.Load())/measured.Seconds(),
		inMillis(p50), inMillis(p99), in.metrics()["source_places"])
}

// TestMeasureLimit prints the goodput with a fixed and with an adaptive limit.
func TestMeasureLimit(t *testing.T) {
	fmt.Print("\n| 100 clients of cold keys | values/s | errors/s | p50 | p99 | limit at the end |\n|--|--:|--:|--:|--:|--:|\n")
	server := sqltest.StartPostgres(t, "max_connections=23") // three of which are for superusers
	server.Exec("CREATE ROLE reader LOGIN", "CREATE TABLE products (id int PRIMARY KEY, name text)",
		"INSERT INTO products SELECT i, 'name ' || i FROM generate_series(0, 999) i", "GRANT SELECT ON products TO reader")
	dsn := strings.Replace(server.DSN(), "postgres:"+sqltest.Password, "reader:"+sqltest.Password, 1)
	const query = "SELECT name || pg_sleep(0.02)::text FROM products WHERE id = :key::text::bigint % 1000"
	locker := server.Open()
	locker.SetMaxOpenConns(1)
	for _, limit := range []string{limitFixed, limitAdaptive} {
		for _, locks := range []bool{false, true} {
			t.Run("", func(t *testing.T) { // so that the program ends, and leaves the connections to the next
				what := "PostgreSQL, 20 connections, " + limit
				if locks {
					what = "the same, all rows locked for 0.5 of 2 s, " + limit
					ctx, stop := context.WithCancel(context.Background())
					var locking sync.WaitGroup
					locking.Go(func() {
						for ctx.Err() == nil {
							time.Sleep(1500 * time.Millisecond)
							_, err := locker.ExecContext(context.Background(), "BEGIN; LOCK TABLE products; SELECT pg_sleep(0.5); ROLLBACK")
							assert.NoError(t, err)
						}
					})
					defer locking.Wait()
					defer stop()
				}
				goodput(t, what, start(t, "--source-limit="+limit, "--source-dsn="+dsn, "--source-query="+query, "--refresh-ahead=0"), 100)
			})
		}
	}
	for _, limit := range []string{limitFixed, limitAdaptive} {
		origin := startSlowing(t)
		in := start(t, "--source-limit="+limit, "--source=http", "--source-url="+origin+"/{key}", "--refresh-ahead=0")
		goodput(t, "an API that works on 40 at once, twice as slow from the middle on, "+limit, in, 100)
	}
}

// startSlowing starts an API that takes 50 ms, and twice as long from the middle of the
// measurement on.
func startSlowing(t *testing.T) string {
	t.Helper()
	slots, began := make(chan struct{}, 40), time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		defer func() { <-slots }()
		takes := 50 * time.Millisecond
		if time.Since(began) > measured*3/2 {
			takes *= 2
		}
		time.Sleep(takes)
		_, _ = w.Write([]byte("v"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
