package mlcache

import (
	"context"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// loader is a source that is a function for one key.
type loader[V any] struct {
	load     func(ctx context.Context, key string) (V, error)
	encoding Encoding[V]
}

var _ ports.Source = loader[int]{}

func (l loader[V]) Load(ctx context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	var said descriptions
	v, err := l.load(said.in(ctx), key.String())
	if err != nil {
		return domain.Value{}, err
	}
	return l.encoding.value(v, said.get(key.String()))
}

// batchLoader is a source that is a function for many keys.
type batchLoader[V any] struct {
	load     func(ctx context.Context, keys []string) (map[string]V, error)
	encoding Encoding[V]
	keys     int
	wait     time.Duration
}

var _ ports.BatchSource = batchLoader[int]{}

func (l batchLoader[V]) Batch() (keys int, wait time.Duration) { return l.keys, l.wait }

func (l batchLoader[V]) Load(ctx context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	one := l.LoadMany(ctx, []domain.Key{key})[0]
	return one.Value, one.Err
}

func (l batchLoader[V]) LoadMany(ctx context.Context, keys []domain.Key) []ports.Loaded {
	all := make([]ports.Loaded, 0, len(keys))
	for some := range slices.Chunk(keys, l.keys) {
		all = append(all, l.loadSome(ctx, some)...)
	}
	return all
}

func (l batchLoader[V]) loadSome(ctx context.Context, keys []domain.Key) []ports.Loaded {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.String()
	}
	var said descriptions
	values, err := l.load(said.in(ctx), slices.Clone(names)) // the loader may sort them
	if err == nil {
		err = domain.ErrNotFound
	}
	loaded := make([]ports.Loaded, len(keys))
	for i, name := range names {
		if v, ok := values[name]; ok {
			loaded[i].Value, loaded[i].Err = l.encoding.value(v, said.get(name))
			continue
		}
		loaded[i].Err = err
	}
	return loaded
}
