package mlcache

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Purged says what Purge concerns, and how.
type Purged func(*purging)

type purging struct {
	keys    []string
	tags    []string
	all     bool
	soft    bool
	version uint64
}

// Tag purges all values that have one of these tags.
func Tag(tags ...string) Purged { return func(p *purging) { p.tags = append(p.tags, tags...) } }

// Key purges the values of these keys.
func Key(keys ...string) Purged { return func(p *purging) { p.keys = append(p.keys, keys...) } }

// Everything purges all values of the cache.
func Everything() Purged { return func(p *purging) { p.all = true } }

// Softly leaves what is purged as expired: it may still be served as StaleIfError and
// StaleWhileRevalidate allow.
func Softly() Purged { return func(p *purging) { p.soft = true } }

// Before says that the values of the keys have this version now: no load or Put stores
// one with a lower version any more.
func Before(version uint64) Purged { return func(p *purging) { p.version = version } }

// Purge makes values absent, in every layer and on every instance. A purge of tags or of
// everything costs the same however many values it concerns, and concerns those that are
// being loaded, too. It is done although ctx ends. Errors are those of Put, joined for
// several keys; parts of the purge may be done then. Without anything to purge it does
// nothing.
func (c *Cache[V]) Purge(ctx context.Context, what ...Purged) error {
	var p purging
	for _, of := range what {
		of(&p)
	}
	request := domain.PurgeRequest{Purge: domain.Purge{All: p.all, Soft: p.soft}, Version: p.version}
	for _, name := range p.tags {
		tag, err := domain.ParseTags([]string{name})
		if err != nil {
			return c.failed(name, err)
		}
		request.Tags = append(request.Tags, tag...)
	}
	for _, name := range p.keys {
		key, err := c.key(name)
		if err != nil {
			return c.failed(name, err)
		}
		request.Keys = append(request.Keys, key)
	}
	return c.service.Purge(ctx, request)
}
