package mlcache

import (
	"fmt"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
)

// Shared is a second layer for many caches: one connection to Redis, or one embedded
// layer. Each cache on it has keys and invalidations of its own, by its name. It is
// safe for concurrent use and must be closed.
type Shared struct{ layer *layers.Shared }

// Connect opens a second layer for New with On. It takes Redis and RedisTimeout, or
// Dir, and Logger. The error says what is wrong with them; a Redis that cannot be
// reached is none.
func Connect(options ...Option) (*Shared, error) {
	s, err := settle(byConnect, defaults(), options)
	if err != nil {
		return nil, err
	}
	layer, err := s.connect()
	if err != nil {
		return nil, fmt.Errorf("mlcache: %w", err)
	}
	return &Shared{layer}, nil
}

// Close closes the connection. Caches that are still on it go on as if Redis was gone,
// and are still to be closed. Closing again does nothing.
func (s *Shared) Close() error { return s.layer.Close() }
