//go:build measure

package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMeasureChanges measures from the COMMIT of a change of a row until the last
// instance that held it in memory answers with it no more.
func TestMeasureChanges(t *testing.T) {
	printHead()
	for _, n := range []int{1, 3, 10} {
		s, f := startStock(t, n, `{type: postgres, table: public.stock, key: "stock:{id}"}`)
		f.leader()
		db := s.server.Open()
		var last figures
		for trial := range 200 {
			id := 1 + trial%stockRows
			var all sync.WaitGroup
			ends := make([]time.Time, n)
			before, ok := s.ask(f.members[0], 0, id)
			require.True(t, ok)
			for i, p := range f.members {
				_, ok = s.ask(p, i, id)
				require.True(t, ok)
				all.Go(func() {
					for {
						began := time.Now()
						if got, ok := s.ask(p, i, id); ok && got.N > before.N {
							return
						}
						ends[i] = began
					}
				})
			}
			require.True(t, s.commit(db, []int{id}, 0, false))
			committed := time.Now()
			all.Wait()
			late := time.Duration(0)
			for _, end := range ends {
				late = max(late, end.Sub(committed))
			}
			last.add(late)
		}
		require.NoError(t, db.Close())
		last.print(fmt.Sprintf("from COMMIT to the last old answer of %d instances", n), 0, 0)
		for _, p := range f.members {
			p.End()
		}
	}
}
