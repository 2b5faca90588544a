package mlcache

import (
	"context"
	"sync"
	"time"
)

// ValueOption says what holds for one value, in Put and in Describe. What is said
// twice counts as it was said last; tags add up.
type ValueOption func(*description)

// description is what was said of a value.
type description struct {
	ttl     time.Duration // 0: nothing was said; below 0: not fresh at all
	tags    []string
	version uint64
	noStore bool
}

// For gives the value a TTL of its own, shorter or longer than that of the others.
// With less than a millisecond no layer keeps it: time.Until of a moment that has
// passed will do.
func For(ttl time.Duration) ValueOption {
	if ttl < time.Millisecond {
		ttl = -1
	}
	return func(d *description) { d.ttl = ttl }
}

// Tags names groups that the value belongs to. More than 64, or one that is no tag
// (ErrInvalidTag), is an error of Put or of the load.
func Tags(tags ...string) ValueOption {
	return func(d *description) { d.tags = append(d.tags, tags...) }
}

// Version gives the value a number that grows with each change of it.
func Version(n uint64) ValueOption {
	return func(d *description) { d.version = n }
}

// NoStore keeps the value out of all layers: the callers that wait for the load get
// it, and later ones cause a load of their own. It is for loaders alone.
func NoStore() ValueOption {
	return func(d *description) { d.noStore = true }
}

// Describe is called by a loader, with the context that it got, to say what holds for
// the value of key that it is about to return. Of a key that was not asked for it says
// nothing, and outside of a loader it does nothing. It is safe for concurrent use.
func Describe(ctx context.Context, key string, options ...ValueOption) {
	if said, ok := ctx.Value(descriptionsKey{}).(*descriptions); ok {
		said.add(key, options)
	}
}

type descriptionsKey struct{}

// descriptions are those of one call of a loader.
type descriptions struct {
	mu sync.Mutex
	of map[string]*description // by key
}

// in returns a context for the loader.
func (d *descriptions) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, descriptionsKey{}, d)
}

func (d *descriptions) add(key string, options []ValueOption) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = make(map[string]*description)
	}
	said := d.of[key]
	if said == nil {
		said = new(description)
		d.of[key] = said
	}
	for _, option := range options {
		option(said)
	}
}

// get returns what was said of key up to now.
func (d *descriptions) get(key string) description {
	d.mu.Lock()
	defer d.mu.Unlock()
	if said := d.of[key]; said != nil {
		return *said
	}
	return description{}
}
