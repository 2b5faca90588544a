package app

import (
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// This file is how an entry is judged by the purges that are known.

// routePurges is the part of purges that concerns the entries of one route.
type routePurges struct {
	*purges
	own atomic.Pointer[tagPurges]
	// limit is how old copies may be in ns while changes are not known; 0: any.
	limit atomic.Int64
}

// marked returns e with the mark, if that may ever decide: a purge of everything
// counts for entries without one until it is forgotten.
func (r *routePurges) marked(e *domain.Entry, m domain.Mark) *domain.Entry {
	head, own := r.head.Load(), r.own.Load()
	if len(e.Tags()) == 0 && max(head.All, head.AllSoft, own.hard, own.soft) == 0 {
		return e
	}
	return e.Marked(m)
}

// judge returns the copy as the purges, and changes that are not known, leave it: as it
// is, stale, or none.
func (r *routePurges) judge(c domain.Copy) domain.Copy {
	if c.Entry == nil {
		return c
	}
	if limit := time.Duration(r.limit.Load()); limit > 0 {
		c = c.Within(limit)
	}
	head, mark := r.head.Load(), c.Entry.Mark()
	if mark.Generation == head.Generation && mark.Number >= head.Number {
		return c // all that is known was known when its load began
	}
	own, tags := r.own.Load(), c.Entry.Tags()
	switch {
	case mark.Generation != head.Generation && (mark != domain.Mark{} || len(tags) > 0),
		mark.Number < max(head.All, own.hard),
		mark.Number < head.Floor && len(tags) > 0:
		return domain.Copy{}
	}
	soft := latest(time.Time{}, mark.Number < head.AllSoft, head.softAt)
	soft = latest(soft, mark.Number < own.soft, own.softAt)
	for _, tag := range tags {
		t := r.ofTag(tag)
		if mark.Number < t.hard {
			return domain.Copy{}
		}
		soft = latest(soft, mark.Number < t.soft, t.softAt)
	}
	if !soft.IsZero() {
		c.Remaining = min(c.Remaining, -time.Since(soft))
	}
	return c
}

// latest returns the later of both times, or before if the other does not count.
func latest(before time.Time, counts bool, t time.Time) time.Time {
	if counts && t.After(before) {
		return t
	}
	return before
}

// isPurged reports whether an entry is neither fresh nor stale any more.
func (r *routePurges) isPurged(e *domain.Entry) bool {
	return e != nil && r.judge(domain.Copy{Entry: e, Remaining: time.Hour}).Remaining <= 0
}

// ofTag returns the purges of a tag.
func (p *purges) ofTag(tag string) tagPurges {
	if t, ok := p.tags.Load(tag); ok {
		return *t.(*tagPurges)
	}
	return tagPurges{}
}

func (t tagPurges) last() uint64 { return max(t.hard, t.soft) }
