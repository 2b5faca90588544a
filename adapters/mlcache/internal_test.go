package mlcache

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// More keys than a call is for are several calls, as ports.BatchSource says. The use
// case never asks for so many.
func TestABatchLoaderGetsNoMoreKeysThanItTakes(t *testing.T) {
	var calls [][]string
	l := batchLoader[int]{keys: 2, encoding: JSON[int](), load: func(_ context.Context, keys []string) (map[string]int, error) {
		calls = append(calls, keys)
		return map[string]int{"0": 0, "4": 4}, nil
	}}
	keys := make([]domain.Key, 5)
	for i := range keys {
		keys[i], _ = domain.ParseKey(fmt.Sprint(i))
	}
	loaded := l.LoadMany(t.Context(), keys)
	require.Equal(t, [][]string{{"0", "1"}, {"2", "3"}, {"4"}}, calls)
	require.Len(t, loaded, 5)
	require.Equal(t, "4", loaded[4].Value.Body)
	require.ErrorIs(t, loaded[3].Err, domain.ErrNotFound)
}

// bus keeps who listens.
type bus struct {
	ports.Bus
	listener ports.Listener
}

func (b *bus) Listen(l ports.Listener) { b.listener = l }

type listener struct{ got []string }

func (l *listener) Invalidate(key domain.Key) { l.got = append(l.got, key.String()) }
func (l *listener) Purged(domain.Purges)      { l.got = append(l.got, "purged") }
func (l *listener) Gap()                      { l.got = append(l.got, "gap") }

func TestAHookTakesNoInvalidationAway(t *testing.T) {
	var b bus
	var l listener
	h := newHooks(&settings{onInvalidate: func(Event) {}})
	h.bus(&b).Listen(&l)
	key, _ := domain.ParseKey("7")
	b.listener.Invalidate(key)
	b.listener.Gap()
	b.listener.Purged(domain.Purges{All: 1})
	b.listener.Purged(domain.Purges{})
	require.Equal(t, []string{"7", "gap", "purged", "purged"}, l.got)
	require.NoError(t, h.close(t.Context()))
}
