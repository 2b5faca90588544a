package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const rowsAtOnce = 1000

// BenchmarkColdRows reads batches of cold rows through the cache, and the same rows by
// one statement that somebody wrote by hand, in turn. It reports the medians, their
// ratio, and how many statements a batch took.
func BenchmarkColdRows(b *testing.B) {
	for _, layer := range []string{"embedded", "redis"} {
		b.Run(layer, func(b *testing.B) {
			server := sqltest.StartPostgres(b)
			server.Exec("CREATE TABLE products (id int PRIMARY KEY, name text, price numeric(10, 2))",
				fmt.Sprintf("INSERT INTO products SELECT i, 'name ' || i, i + 0.5 FROM generate_series(1, %d) i", b.N*rowsAtOnce),
				"VACUUM ANALYZE products")
			flags := fromPostgres(server, manyProducts, "--ttl=1h", "--l2-timeout=1m")
			if layer == "redis" {
				flags = append(flags, "--redis-url="+redistest.Start(b).URL())
			}
			cache, byHand := newRowCache(b, flags), newRowReader(b, server)
			var cached, handed []time.Duration
			for i := range b.N {
				first := i*rowsAtOnce + 1
				if i%2 == 0 {
					cached, handed = append(cached, cache(first)), append(handed, byHand(first))
				} else {
					handed, cached = append(handed, byHand(first)), append(cached, cache(first))
				}
			}
			ours, theirs := median(cached), median(handed)
			b.ReportMetric(rowsAtOnce/ours.Seconds(), "rows/s")
			b.ReportMetric(rowsAtOnce/theirs.Seconds(), "rows/s-by-hand")
			b.ReportMetric(float64(ours)/float64(theirs), "times-by-hand")
			b.ReportMetric(float64(ranAs(b, server, "SELECT id"))/float64(b.N), "statements/batch")
			b.ReportMetric(0, "ns/op") // of both together
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// newRowCache returns what reads rows through the cache that the program would be with
// these flags, and returns how long that takes.
func newRowCache(b *testing.B, flags []string) func(first int) time.Duration {
	gin.SetMode(gin.ReleaseMode)
	c, _, err := parse(flags, io.Discard)
	require.NoError(b, err)
	p, cleanup, err := assemble(c.Config, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, p.service.Close(context.Background()))
		cleanup()
	})
	return func(first int) time.Duration {
		keys := make([]domain.Key, rowsAtOnce)
		for i, name := range numbered(first, first+rowsAtOnce-1) {
			keys[i], err = domain.ParseKey(name)
			require.NoError(b, err)
		}
		began := time.Now()
		results := p.service.GetMany(b.Context(), keys, nil)
		took := time.Since(began)
		for i, r := range results {
			require.NoError(b, r.Err)
			require.Equal(b, product(first+i), r.Entry.Body())
		}
		return took
	}
}

type row struct {
	id    int
	name  string
	price float64
}

// newRowReader returns what reads rows by one statement.
func newRowReader(b *testing.B, server *sqltest.Postgres) func(first int) time.Duration {
	conn, err := pgx.Connect(b.Context(), server.DSN())
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func(first int) time.Duration {
		ids := make([]int, rowsAtOnce)
		for i := range ids {
			ids[i] = first + i
		}
		began := time.Now()
		rows, err := conn.Query(b.Context(), "SELECT name, price, id FROM products WHERE id = ANY($1)", ids)
		require.NoError(b, err)
		found := make(map[int]row, len(ids))
		for rows.Next() {
			var r row
			require.NoError(b, rows.Scan(&r.name, &r.price, &r.id))
			found[r.id] = r
		}
		took := time.Since(began)
		require.NoError(b, rows.Err())
		require.Len(b, found, rowsAtOnce)
		return took
	}
}

// ranAs returns how often the server ran statements with part in them.
func ranAs(b *testing.B, server *sqltest.Postgres, part string) (n int) {
	require.NoError(b, server.Open().QueryRowContext(b.Context(),
		"SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE '%' || $1 || '%' AND query NOT LIKE '%pg_stat%'", part).Scan(&n))
	return n
}
