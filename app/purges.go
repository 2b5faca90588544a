package app

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// mostTagPurges is how many purges of tags an instance remembers; it forgets the
// older half beyond that. One takes some 200 bytes.
const mostTagPurges = 64 << 10

// purges is what this instance knows of the purges of all instances. It is read by
// each request without a lock. Entries are judged by it when they are read, so a purge
// costs the same however many entries it makes absent.
type purges struct {
	shared     ports.Purger
	bus        ports.Bus
	remembered time.Duration // the longest that an entry lives

	head atomic.Pointer[purgeHead]
	tags sync.Map     // of *tagPurges, by tag
	held atomic.Int64 // tags
	// gaps counts how often purges may have been missed, and known is the count as of
	// when the record was last read.
	gaps, known atomic.Uint64

	mu sync.Mutex // of changes
	// complete is up to which number all purges are known. What is received after a gap
	// has higher ones.
	complete uint64
	routes   map[string]*routePurges
}

// purgeHead is what concerns all entries.
type purgeHead struct {
	domain.Purges // without Tags
	softAt        time.Time
}

// tagPurges are the last purges of one tag.
type tagPurges struct {
	hard, soft uint64
	softAt     time.Time // when the soft one was received
}

func newPurges(p ports.Purger, b ports.Bus, remembered time.Duration) *purges {
	all := &purges{
		shared: p, bus: b, remembered: remembered,
		routes: make(map[string]*routePurges),
	}
	all.head.Store(&purgeHead{})
	all.gaps.Store(1)
	return all
}

// of returns the part for a route. It is called before purges are used.
func (p *purges) of(route string) *routePurges {
	r := &routePurges{purges: p}
	r.own.Store(&tagPurges{})
	p.routes[domain.RouteTag(route)] = r
	return r
}

// mark returns the mark of an entry whose load begins now.
func (p *purges) mark() domain.Mark { return p.head.Load().Mark }

// purge records a purge.
func (p *purges) purge(ctx context.Context, one domain.Purge) error {
	if err := p.current(ctx); err != nil {
		return err
	}
	known := p.mark()
	learned, err := p.shared.Purge(ctx, one, known, p.remembered)
	if err == nil {
		p.learn(learned, known.Number)
	}
	return err
}

// isCurrent reports whether all purges are known that had succeeded.
func (p *purges) isCurrent() bool { return p.gaps.Load() == p.known.Load() && p.bus.Subscribed() }

// current makes sure that all purges are known that had succeeded when it was called.
func (p *purges) current(ctx context.Context) error {
	if p.isCurrent() {
		return nil
	}
	gaps, known := p.gaps.Load(), p.mark()
	p.mu.Lock()
	from := p.complete
	p.mu.Unlock()
	learned, err := p.shared.Purges(ctx, domain.Mark{Generation: known.Generation, Number: from})
	if err == nil && learned.Generation == known.Generation && learned.Number < known.Number { // the last ones are lost
		from = known.Number
		learned, err = p.shared.Purges(ctx, known)
	}
	if err != nil {
		return err
	}
	p.learn(learned, from)
	p.known.Store(gaps)
	return nil
}

// read does what current does while the caller does something else, until it calls
// what read returns.
func (p *purges) read(ctx context.Context) (done func() error) {
	if p.isCurrent() {
		return notRead
	}
	errs := make(chan error, 1)
	go func() { errs <- p.current(ctx) }()
	return func() error { return <-errs }
}

func notRead() error { return nil }

// gap says that purges may have been missed.
func (p *purges) gap() { p.gaps.Add(1) }

// learn takes note of what the record has that is newer than from, which is all of it if
// it is of another generation.
func (p *purges) learn(learned domain.Purges, from uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isNew := learned.Generation != p.head.Load().Generation
	p.mergeLocked(learned)
	switch {
	case isNew:
		p.complete = learned.Number
	case from <= p.complete:
		p.complete = max(p.complete, learned.Number)
	}
}

// receive takes note of a purge that another instance told of, and reports false if it
// is of another generation than what is known.
func (p *purges) receive(told domain.Purges) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.head.Load().Generation; known != 0 && known != told.Generation {
		return false
	}
	p.mergeLocked(told)
	if p.gaps.Load() == p.known.Load() {
		p.complete = max(p.complete, told.Number)
	}
	return true
}

func (p *purges) mergeLocked(learned domain.Purges) {
	old := p.head.Load()
	next := purgeHead{Purges: learned, softAt: old.softAt}
	next.Tags = nil
	now := time.Now()
	if learned.Generation != old.Generation {
		p.tags.Clear()
		p.held.Store(0)
		for _, r := range p.routes {
			r.own.Store(&tagPurges{})
		}
	} else {
		next.Number, next.All, next.AllSoft, next.Floor = max(next.Number, old.Number), max(next.All, old.All), max(next.AllSoft, old.AllSoft), max(next.Floor, old.Floor)
	}
	if next.AllSoft > old.AllSoft {
		next.softAt = now
	}
	for _, tag := range learned.Tags {
		p.noteLocked(tag, now)
	}
	p.forgetLocked(&next)
	p.head.Store(&next) // last: a reader that sees a number sees what was purged up to it
}

func (p *purges) noteLocked(tag domain.TagPurge, now time.Time) {
	r := p.routes[tag.Tag]
	var t tagPurges
	switch {
	case r != nil:
		t = *r.own.Load()
	case domain.IsRouteTag(tag.Tag): // of a route that other instances have
		return
	default:
		t = p.ofTag(tag.Tag)
	}
	switch {
	case !tag.Soft:
		t.hard = max(t.hard, tag.Number)
	case tag.Number > t.soft:
		t.soft, t.softAt = tag.Number, now
	}
	if r != nil {
		r.own.Store(&t)
	} else {
		if _, known := p.tags.Swap(tag.Tag, &t); !known {
			p.held.Add(1)
		}
	}
}

// forgetLocked forgets the purges of tags below the floor, and raises it when there
// are too many.
func (p *purges) forgetLocked(next *purgeHead) {
	if p.held.Load() > mostTagPurges {
		var numbers []uint64
		for _, t := range p.tags.Range {
			numbers = append(numbers, t.(*tagPurges).last())
		}
		slices.Sort(numbers)
		next.Floor = max(next.Floor, numbers[len(numbers)/2])
	}
	if next.Floor == p.head.Load().Floor {
		return
	}
	for tag, t := range p.tags.Range {
		if t.(*tagPurges).last() <= next.Floor {
			p.tags.Delete(tag)
			p.held.Add(-1)
		}
	}
}
