package sqlsource

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

const rowsAtOnce = 1000

// BenchmarkRows has the adapter load rows, by statements for a hundred keys each and
// by one, in turn with a statement for all that somebody wrote by hand. It reports
// the medians and their ratio.
func BenchmarkRows(b *testing.B) {
	server := sqltest.StartPostgres(b)
	server.Exec(products, fmt.Sprintf("INSERT INTO products SELECT i, 'name ' || i, i + 0.1 FROM generate_series(1, %d) i", rowsAtOnce), "VACUUM ANALYZE products")
	for _, size := range []int{100, rowsAtOnce} {
		b.Run(fmt.Sprintf("%d statements", rowsAtOnce/size), func(b *testing.B) {
			s := newSource(b, server.DSN(), "SELECT id AS _key, name, price FROM products WHERE id = ANY(:keys)", func(o *Options) { o.Batch = size })
			all, byHand := numbers(b, rowsAtOnce), byHand(b, server)
			var ours, theirs []time.Duration
			for range b.N {
				began := time.Now()
				loaded := s.LoadMany(b.Context(), all)
				ours = append(ours, time.Since(began))
				for _, l := range loaded {
					require.NoError(b, l.Err)
				}
				theirs = append(theirs, byHand())
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			b.ReportMetric(rowsAtOnce/ours[len(ours)/2].Seconds(), "rows/s")
			b.ReportMetric(rowsAtOnce/theirs[len(theirs)/2].Seconds(), "rows/s-by-hand")
			b.ReportMetric(float64(ours[len(ours)/2])/float64(theirs[len(theirs)/2]), "times-by-hand")
			b.ReportMetric(0, "ns/op") // of both together
		})
	}
}

// byHand returns what loads all rows by one statement, and returns how long that takes.
func byHand(b *testing.B, server *sqltest.Postgres) func() time.Duration {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), server.DSN())
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	ids := make([]int, rowsAtOnce)
	for i := range ids {
		ids[i] = i + 1
	}
	return func() time.Duration {
		type row struct {
			name  string
			price float64
		}
		began := time.Now()
		rows, err := conn.Query(b.Context(), "SELECT name, price, id FROM products WHERE id = ANY($1)", ids)
		require.NoError(b, err)
		found := make(map[int]row, len(ids))
		for rows.Next() {
			var r row
			var id int
			require.NoError(b, rows.Scan(&r.name, &r.price, &id))
			found[id] = r
		}
		took := time.Since(began)
		require.NoError(b, rows.Err())
		require.Len(b, found, rowsAtOnce)
		return took
	}
}
