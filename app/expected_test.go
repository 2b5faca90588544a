package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// nothing is a source that is not asked.
type nothing struct{}

func (nothing) Load(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
	return domain.Value{}, domain.ErrNotFound
}
func (nothing) LoadMany(context.Context, []domain.Key) []ports.Loaded { return nil }
func (nothing) Batch() (keys int, wait time.Duration)                 { return 10, time.Millisecond }

func TestAStatementWaitsForTheBatchesOfItsWindowAndForNoneThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(&callers{source: nothing{}, slots: newQuota(1), patience: time.Minute, timeout: time.Minute, memory: newRoom(1)})
		first, entered := g.expect(), make(chan access)
		arrived := first.key()
		go func() {
			a, err := g.enter(t.Context(), true, notExpected)
			assert.NoError(t, err)
			entered <- a
		}()
		time.Sleep(time.Second)
		later := g.expect()
		first.end()
		synctest.Wait()
		select {
		case <-entered:
			require.FailNow(t, "a key of the first batch is still expected")
		default:
		}
		arrived()
		arrived()
		a := <-entered
		a.free()
		a.done()
		later.end()
		require.NoError(t, g.awaitIdle(t.Context()))
	})
}
