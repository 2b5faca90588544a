package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Purger = (*Layer)(nil)

// mostTagPurges is how many purges of tags a cache remembers. When there are more, the
// older half is forgotten.
const mostTagPurges = 64 << 10

// records are the purges of each cache that shares the layer, by name. They are not
// stored: entries of a process before have another generation. What was stored without
// a mark may be older than a purge of everything, or of a route: that there was one is
// stored.
type records struct {
	mu     sync.Mutex
	caches map[string]*record
}

type record struct {
	domain.Purges                          // without Tags
	tags          map[string]domain.Purges // by tag: All and AllSoft are its numbers
}

// Purge records a purge for the only cache of the layer.
func (l *Layer) Purge(ctx context.Context, p domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error) {
	return l.purge(ctx, "", p, known, remembered)
}

// Purges returns those for the only cache of the layer.
func (l *Layer) Purges(ctx context.Context, known domain.Mark) (domain.Purges, error) {
	return l.purges(ctx, "", known)
}

// purgedName is the key of the row that says that a purge concerned entries without a
// mark.
func purgedName(cache string) string { return cache + "\x1fpurged" }

func (l *Layer) purge(ctx context.Context, cache string, p domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error) {
	l.records.mu.Lock()
	defer l.records.mu.Unlock()
	r, err := l.recordLocked(ctx, cache)
	if err != nil {
		return domain.Purges{}, err
	}
	now := l.now()
	if p.All || slices.ContainsFunc(p.Tags, domain.IsRouteTag) {
		if err := l.store.put(ctx, purgedName(cache), []byte{}, now.Add(remembered).UnixMilli(), now.UnixMilli()); err != nil {
			return domain.Purges{}, fmt.Errorf("embedded layer: purge: %w", err)
		}
	}
	before := r.Mark
	r.check(known, now)
	r.add(p, now, remembered)
	if known != before {
		return r.since(known), nil
	}
	learned := r.Purges // so it is all that is new
	for _, tag := range p.Tags {
		learned.Tags = append(learned.Tags, domain.TagPurge{Tag: tag, Number: r.Number, Soft: p.Soft})
	}
	return learned, nil
}

func (l *Layer) purges(ctx context.Context, cache string, known domain.Mark) (domain.Purges, error) {
	l.records.mu.Lock()
	defer l.records.mu.Unlock()
	r, err := l.recordLocked(ctx, cache)
	if err != nil {
		return domain.Purges{}, err
	}
	r.check(known, l.now())
	return r.since(known), nil
}

// recordLocked returns the record of a cache, a new one at first.
func (l *Layer) recordLocked(ctx context.Context, cache string) (*record, error) {
	if r := l.records.caches[cache]; r != nil {
		return r, nil
	}
	row, purged, err := l.store.get(ctx, purgedName(cache))
	if err != nil {
		return nil, fmt.Errorf("embedded layer: purges: %w", err)
	}
	r := &record{tags: make(map[string]domain.Purges)}
	r.Generation = 1 + rand.Uint64N(1<<52-1)
	if now := l.now().UnixMilli(); purged && row.deadline > now {
		r.Number, r.All = uint64(now), uint64(now)
	}
	l.records.caches[cache] = r
	return r, nil
}

// check counts everything as purged if something that was known is not there.
func (r *record) check(known domain.Mark, now time.Time) {
	if known.Generation != 0 && (known.Generation != r.Generation || known.Number > r.Number) {
		r.Number = max(r.Number, known.Number, uint64(now.UnixMilli())-1) + 1
		r.All = r.Number
	}
}

func (r *record) add(p domain.Purge, now time.Time, remembered time.Duration) {
	r.Number = max(r.Number+1, uint64(now.UnixMilli()))
	raise := func(to *domain.Purges) {
		if p.Soft {
			to.AllSoft = r.Number
		} else {
			to.All = r.Number
		}
	}
	if p.All {
		raise(&r.Purges)
	}
	for _, tag := range p.Tags {
		t := r.tags[tag]
		raise(&t)
		r.tags[tag] = t
	}
	r.forget(uint64(max(0, now.Add(-remembered).UnixMilli())))
}

// forget forgets purges of tags up to a number when there are many, and, when there are
// too many, more of them.
func (r *record) forget(upTo uint64) {
	if len(r.tags) <= mostTagPurges {
		return
	}
	var numbers []uint64
	for _, t := range r.tags {
		numbers = append(numbers, max(t.All, t.AllSoft))
	}
	slices.Sort(numbers)
	upTo = max(upTo, numbers[len(numbers)/2])
	for tag, t := range r.tags {
		if n := max(t.All, t.AllSoft); n <= upTo && !domain.IsRouteTag(tag) {
			delete(r.tags, tag)
			r.Floor = max(r.Floor, n)
		}
	}
}

// since returns all but the purges of tags that are known.
func (r *record) since(known domain.Mark) domain.Purges {
	all := r.Purges
	after := uint64(0)
	if known.Generation == r.Generation {
		after = known.Number
	}
	for tag, t := range r.tags {
		if t.All > after {
			all.Tags = append(all.Tags, domain.TagPurge{Tag: tag, Number: t.All})
		}
		if t.AllSoft > after {
			all.Tags = append(all.Tags, domain.TagPurge{Tag: tag, Number: t.AllSoft, Soft: true})
		}
	}
	return all
}
