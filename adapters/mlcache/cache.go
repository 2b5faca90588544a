package mlcache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Cache has values of type V by keys. It is safe for concurrent use and must be closed.
type Cache[V any] struct {
	*core
	encoding Encoding[V]
}

var errNoLoader = errors.New("mlcache: there is no function or source to load from")

// New returns a cache of what load returns. The name is of 1 to 100 bytes, without
// colons, braces and control characters; on one connection each cache has its own. The
// error says what is wrong with it or with the options.
func New[V any](name string, load func(ctx context.Context, key string) (V, error), options ...Option) (*Cache[V], error) {
	if load == nil {
		return nil, errNoLoader
	}
	return open(byNew, name, options, func(e Encoding[V], _ *settings) ports.Source { return loader[V]{load, e} })
}

// NewBatch returns a cache of what load returns for many keys at once: of those that
// are missing at about the same time. A key that is not in the map is not found; when
// there is an error, its load failed. The rest is as with New.
func NewBatch[V any](name string, load func(ctx context.Context, keys []string) (map[string]V, error), options ...Option) (*Cache[V], error) {
	if load == nil {
		return nil, errNoLoader
	}
	return open(byNewBatch, name, options, func(e Encoding[V], s *settings) ports.Source {
		return batchLoader[V]{load, e, s.batchKeys, s.batchWait}
	})
}

// NewFrom returns a cache of what source has, which is not the cache's to close: of a
// database by package sqlsource, of a REST API by package httpsource. Its values must be
// in the encoding of the cache. What it says of their TTL counts up to TTL. The rest is
// as with New.
func NewFrom[V any](name string, source ports.Source, options ...Option) (*Cache[V], error) {
	if source == nil {
		return nil, errNoLoader
	}
	return open(byNewFrom, name, options, func(_ Encoding[V], s *settings) ports.Source {
		s.app.Freshness = app.CapSource // it may be somebody else's
		return source
	})
}

func open[V any](by taker, name string, options []Option, source func(Encoding[V], *settings) ports.Source) (*Cache[V], error) {
	s, err := settle(by, defaults(), options)
	if err := errors.Join(checkName(name), err); err != nil {
		return nil, err
	}
	return build(name, s, source)
}

func build[V any](name string, s *settings, source func(Encoding[V], *settings) ports.Source) (*Cache[V], error) {
	e, err := encodingOf[V](s.encoding)
	if err != nil {
		return nil, err
	}
	c, err := newCore(name, s, source(e, s))
	if err != nil {
		return nil, fmt.Errorf("mlcache: cache %q: %w", name, err)
	}
	return &Cache[V]{c, e}, nil
}

// reloadWithin is how often a value that cannot be decoded causes a load.
const reloadWithin = time.Second

// Get returns the value of key, which is the caller's own. It ends with ctx, and after
// twice LoadTimeout at the latest; a load that others wait for goes on without it. The
// error wraps ErrNotFound, ErrInvalidKey, ErrSourceFailed, ErrWithdrawn, ErrTimeout,
// ErrOverloaded or ErrClosed, those of the options, or is that of ctx or of the codec.
//
// A value of a layer that cannot be decoded is loaded again, once a second at most.
func (c *Cache[V]) Get(ctx context.Context, key string, options ...GetOption) (V, error) {
	v, err := c.read(ctx, key, constraints(options))
	if err != nil {
		err = c.failed(key, err)
	}
	return v, err
}

func (c *Cache[V]) read(ctx context.Context, key string, d domain.Constraints) (V, error) {
	v, err := c.get(ctx, key, d)
	if err != nil && errors.As(err, new(decodeError)) && !d.OnlyIfCached {
		d.NoCache, d.Within = true, reloadWithin
		return c.get(ctx, key, d)
	}
	return v, err
}

func (c *Cache[V]) get(ctx context.Context, key string, d domain.Constraints) (v V, err error) {
	k, err := c.key(key)
	if err != nil {
		return v, err
	}
	answer, err := c.service.GetWith(ctx, k, d)
	if err != nil {
		return v, err
	}
	return c.decode(answer)
}

func (c *Cache[V]) decode(answer domain.Answer) (v V, err error) {
	if answer.Entry.Missing() {
		return v, ErrNotFound
	}
	if v, err = c.encoding.Decode(answer.Entry.Body()); err != nil {
		return v, decodeError{err}
	}
	return v, nil
}

// decodeError is why a value cannot be decoded.
type decodeError struct{ error }

func (e decodeError) Error() string { return "decode: " + e.error.Error() }
func (e decodeError) Unwrap() error { return e.error }

// GetMany returns the values of those keys that exist, as Get does. A key that failed
// is not in the map, and its error is in the one that is returned; it fails no other.
func (c *Cache[V]) GetMany(ctx context.Context, keys []string) (map[string]V, error) {
	values, known := make(map[string]V, len(keys)), make(map[domain.Key]bool, len(keys))
	var wanted []domain.Key
	var errs []error
	for _, key := range keys {
		k, err := c.key(key)
		switch {
		case err != nil:
			errs = append(errs, c.failed(key, err))
		case !known[k]:
			known[k] = true
			wanted = append(wanted, k)
		}
	}
	for i, r := range c.service.GetMany(ctx, wanted, nil) {
		name, err := wanted[i].String(), r.Err
		if err == nil {
			values[name], err = c.decode(r.Answer)
		}
		if err != nil && errors.As(err, new(decodeError)) {
			values[name], err = c.read(ctx, name, domain.Constraints{})
		}
		if err != nil {
			delete(values, name)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, c.failed(name, err))
		}
	}
	return values, errors.Join(errs...)
}

// Put makes v the value of key, in every layer and on every instance, with the TTL that
// For gives it. The loader is not told. It is done although ctx ends. After it, no load
// that began before brings an old value back. The error wraps ErrInvalidKey,
// ErrInvalidTag, ErrTooLarge, ErrOutdated, ErrClosed or ErrL2Unavailable, or is the
// codec's.
func (c *Cache[V]) Put(ctx context.Context, key string, v V, options ...ValueOption) error {
	if err := c.put(ctx, key, v, options); err != nil {
		return c.failed(key, err)
	}
	return nil
}

func (c *Cache[V]) put(ctx context.Context, key string, v V, options []ValueOption) error {
	var said description
	for _, option := range options {
		option(&said)
	}
	if said.noStore {
		return errors.New("put: NoStore is for loaders")
	}
	k, err := c.key(key)
	if err != nil {
		return err
	}
	value, err := c.encoding.value(v, said)
	if err != nil {
		return err
	}
	ttl := said.ttl
	switch {
	case ttl == 0: // nothing was said
		ttl = -1
	case ttl < 0:
		ttl = 0
	}
	return c.service.Put(ctx, k, value, ttl)
}

// Delete removes the value of key from every layer, on every instance. The next Get
// loads it. The errors are those of Put.
func (c *Cache[V]) Delete(ctx context.Context, key string) error {
	k, err := c.key(key)
	if err == nil {
		err = c.service.Delete(ctx, k)
	}
	if err != nil {
		return c.failed(key, err)
	}
	return nil
}
