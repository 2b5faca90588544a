package counters_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestEverythingIsCountedExactlyUnderConcurrency(t *testing.T) {
	r := counters.New()
	const workers, each = 8, 1000
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				for o := range domain.Outcome(domain.Outcomes) {
					r.Request(o)
				}
				for e := range ports.Event(ports.Events) {
					r.Event(e)
				}
				r.SourceTook(2 * time.Millisecond)
			}
		})
	}
	all.Wait()
	const n = workers * each
	got := r.Snapshot()
	for o, count := range got.Requests {
		require.EqualValues(t, n, count, "outcome %d", o)
	}
	for e, count := range got.Events {
		require.EqualValues(t, n, count, "event %d", e)
	}
	require.EqualValues(t, n, got.SourceEnded)
	require.Equal(t, n*2*time.Millisecond, got.SourceTime)
}
