package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const batchWait = 2 * time.Millisecond

// table is a source that loads up to ten keys in a statement.
type table struct {
	takes func(keys []domain.Key) time.Duration // nil: loadTime
	panic bool
	short bool  // leaves out a result
	size  int64 // of each value, which takes a millisecond to read

	mu         sync.Mutex
	statements [][]domain.Key
	now, most  int
	cancelled  atomic.Int64
}

func (s *table) Batch() (int, time.Duration) { return 10, batchWait }

func (s *table) Load(context.Context, domain.Key, domain.Validator) (domain.Value, error) {
	return domain.Value{}, errors.New("nobody calls this")
}

func (s *table) LoadMany(ctx context.Context, keys []domain.Key) []ports.Loaded {
	s.mu.Lock()
	s.statements = append(s.statements, keys)
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	takes := loadTime
	if s.takes != nil {
		takes = s.takes(keys)
	}
	loaded := make([]ports.Loaded, len(keys))
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		s.cancelled.Add(1)
		for i := range loaded {
			loaded[i].Err = ctx.Err()
		}
		return loaded
	}
	if s.panic {
		panic("ouch")
	}
	for i, key := range keys {
		if s.size > 0 {
			time.Sleep(time.Millisecond)
		}
		if err := ports.Reserve(ctx, s.size); err != nil {
			loaded[i].Err = err
			continue
		}
		switch {
		case strings.HasPrefix(key.String(), "bad"):
			loaded[i].Err = errors.New("invalid input syntax")
		case strings.HasPrefix(key.String(), "none"):
			loaded[i].Err = domain.ErrNotFound
		default:
			loaded[i].Value = domain.Value{Body: "row of " + key.String()}
		}
	}
	if s.short {
		return loaded[1:]
	}
	return loaded
}

func named(t *testing.T, name string, n int) (keys []domain.Key) {
	t.Helper()
	for i := range n {
		keys = append(keys, mustKey(t, fmt.Sprint(name, i)))
	}
	return keys
}

// getAll has an instance asked for all keys at once.
func (f *fleet) getAll(instance int, keys []domain.Key, check func(domain.Key, domain.Answer, error)) {
	var all sync.WaitGroup
	for _, key := range keys {
		all.Go(func() {
			got, err := f.services[instance].Get(context.Background(), key)
			check(key, got, err)
		})
	}
	all.Wait()
}

func isRow(t *testing.T) func(domain.Key, domain.Answer, error) {
	t.Helper()
	return func(key domain.Key, got domain.Answer, err error) {
		if assert.NoError(t, err) {
			assert.Equal(t, "row of "+key.String(), got.Entry.Body())
		}
	}
}

func TestMissesAtTheSameTimeAreOneStatement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, began := newFleetOn(t, 1, source, never), time.Now()
		f.getAll(0, named(t, "k", 10), isRow(t))
		require.Equal(t, loadTime, time.Since(began), "a full one waits for nobody")
		require.Len(t, source.statements, 1)
		require.Len(t, source.statements[0], 10)
		require.EqualValues(t, 1, f.count(ports.SourceCalled), "what the source saw")
		require.EqualValues(t, 10, f.count(ports.LeaseWon), "each key has a lease of its own")

		began = time.Now()
		f.getAll(0, named(t, "few", 3), isRow(t))
		require.Equal(t, loadTime+batchWait, time.Since(began))
		f.getAll(0, named(t, "many", 95), isRow(t))
		require.Len(t, source.statements, 2+10)
	})
}

func TestAStatementNeedsOneSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, began := newFleetOn(t, 1, source, never, func(o *app.Options) { o.SourceConcurrency = 2 }), time.Now()
		f.getAll(0, named(t, "k", 40), isRow(t))
		require.Equal(t, 2*loadTime, time.Since(began))
		require.Equal(t, 2, source.most)
		require.Len(t, source.statements, 4)
	})
}

func TestASlowStatementDoesNotHoldUpKeysThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{takes: func(keys []domain.Key) time.Duration {
			if strings.HasPrefix(keys[0].String(), "slow") {
				return 2 * loadTime
			}
			return time.Millisecond
		}}
		f := newFleetOn(t, 1, source, never)
		var all sync.WaitGroup
		all.Go(func() { f.getAll(0, named(t, "slow", 3), isRow(t)) })
		time.Sleep(loadTime)
		began := time.Now()
		f.getAll(0, named(t, "quick", 3), isRow(t))
		require.Equal(t, time.Millisecond+batchWait, time.Since(began))
		all.Wait()
	})
}

func TestAKeyThatFailsInAStatementFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, row := newFleetOn(t, 1, source, never), isRow(t)
		keys := append(named(t, "k", 5), mustKey(t, "bad"), mustKey(t, "none"))
		f.getAll(0, keys, func(key domain.Key, got domain.Answer, err error) {
			switch key.String() {
			case "bad":
				assert.ErrorIs(t, err, domain.ErrSourceFailed)
			case "none":
				assert.NoError(t, err)
				assert.True(t, got.Entry.Missing())
			default:
				row(key, got, err)
			}
		})
		require.Len(t, source.statements, 1)
		require.EqualValues(t, 1, f.count(ports.SourceFailed))
	})
}

func TestAStatementThatFailsAsAWholeFailsEachOfItsKeys(t *testing.T) {
	for name, source := range map[string]*table{"a panic": {panic: true}, "a result too few": {short: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(t, 1, source, never)
				f.getAll(0, named(t, "k", 4), func(_ domain.Key, _ domain.Answer, err error) {
					assert.ErrorIs(t, err, domain.ErrSourceFailed)
				})
				require.Len(t, source.statements, 1)
			})
		})
	}
}

func TestAStatementThatHangsIsCancelledAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{takes: func([]domain.Key) time.Duration { return time.Hour }}
		f, began := newFleetOn(t, 1, source, never), time.Now()
		f.getAll(0, named(t, "k", 4), func(_ domain.Key, _ domain.Answer, err error) {
			assert.ErrorIs(t, err, domain.ErrTimeout)
		})
		require.Equal(t, app.DefaultOptions().SourceTimeout+batchWait, time.Since(began))
		synctest.Wait()
		require.EqualValues(t, 1, source.cancelled.Load())
	})
}

func TestAStatementIsCancelledWhenNobodyWaitsForAnyOfItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, keys := newFleetOn(t, 1, source, never, func(o *app.Options) { o.ReloadInterval = 0 }), named(t, "k", 2)
		leave := func(key domain.Key, after time.Duration) {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			defer cancel()
			_, err := f.services[0].Get(ctx, key)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
		var all sync.WaitGroup
		all.Go(func() { leave(keys[0], time.Second/2) })
		all.Go(func() { leave(keys[1], time.Second) })
		time.Sleep(3 * time.Second / 4)
		require.Zero(t, source.cancelled.Load(), "one still waits")
		all.Wait()
		synctest.Wait()
		require.EqualValues(t, 1, source.cancelled.Load())
		f.getAll(0, keys, isRow(t))
	})
}

func TestKeysThatAnotherInstanceLoadsAreNotPartOfTheStatement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, keys := newFleetOn(t, 3, source, never), named(t, "k", 6)
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() { f.getAll(i, keys, isRow(t)) })
		}
		all.Wait()
		loaded := 0
		for _, statement := range source.statements {
			loaded += len(statement)
		}
		require.Equal(t, len(keys), loaded, "each key once")
		require.LessOrEqual(t, len(source.statements), 3)
	})
}

func TestABatchOfAThousandColdKeysIsFewStatements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{takes: func([]domain.Key) time.Duration { return 10 * time.Millisecond }}
		f := newFleetOn(t, 1, source, never, func(o *app.Options) { o.SourceConcurrency = 20 })
		keys := named(t, "k", 1000)
		for i, r := range f.services[0].GetMany(context.Background(), keys, nil) {
			require.NoError(t, r.Err)
			require.Equal(t, "row of "+keys[i].String(), r.Entry.Body())
		}
		require.Len(t, source.statements, 1000/10)
	})
}

func TestClosingEndsStatementsThatFormAndRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f := newFleetOn(t, 1, source, never, func(o *app.Options) { o.SourceConcurrency = 1 })
		var all sync.WaitGroup
		all.Go(func() {
			f.getAll(0, named(t, "k", 25), func(_ domain.Key, _ domain.Answer, err error) { assert.ErrorIs(t, err, domain.ErrClosed) })
		})
		time.Sleep(time.Second)
		require.NoError(t, f.services[0].Close(context.Background()))
		all.Wait()
		require.EqualValues(t, 1, source.cancelled.Load())
		require.Len(t, source.statements, 1)
	})
}

func TestRefreshesShareStatementsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &table{}
		f, keys := newFleetOn(t, 1, source, eager), named(t, "k", 8)
		f.getAll(0, keys, isRow(t))
		f.getAll(0, keys, isRow(t)) // each begins a refresh
		f.settle(t)
		require.Len(t, source.statements, 2)
		require.Len(t, source.statements[1], 8)
	})
}
