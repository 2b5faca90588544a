package app

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// withoutPrefix returns a source that asks s for keys without prefix.
func withoutPrefix(s ports.Source, prefix string) ports.Source {
	if prefix == "" {
		return s
	}
	cut := cutSource{s, prefix}
	if many, ok := s.(ports.BatchSource); ok {
		return cutBatchSource{cut, many}
	}
	return cut
}

type cutSource struct {
	ports.Source
	prefix string
}

func (s cutSource) Load(ctx context.Context, key domain.Key, held domain.Validator) (domain.Value, error) {
	return s.Source.Load(ctx, s.cut(key), held)
}

func (s cutSource) cut(key domain.Key) domain.Key {
	rest, _ := key.CutPrefix(s.prefix)
	return rest
}

type cutBatchSource struct {
	cutSource
	many ports.BatchSource
}

func (s cutBatchSource) Batch() (keys int, wait time.Duration) { return s.many.Batch() }

func (s cutBatchSource) LoadMany(ctx context.Context, keys []domain.Key) []ports.Loaded {
	rests := make([]domain.Key, len(keys))
	for i, key := range keys {
		rests[i] = s.cut(key)
	}
	return s.many.LoadMany(ctx, rests)
}
