package cachetest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
)

// Promises are the bounds that a history is checked against.
type Promises struct {
	// budget is L2's: after it, what was sent does not take effect any more.
	Budget time.Duration
	// invalidated returns how long after a write the instance may miss it, if that
	// began to be read at that time: the delay of the network and 10 ms.
	Invalidated func(at int, begun time.Duration) time.Duration
	// inVain reports whether L2 was asked twice in vain for what a GET got from memory.
	// nil: never.
	InVain func(get Operation) bool
	// lifetime is for how long a value is served at the most that was replaced
	// during an outage: its TTL and what it takes to load it. 0: for ever.
	Lifetime time.Duration
}

// Violation returns why the history breaks a promise, or nil.
//
// A key is one register, which L2 holds. A PUT makes its own value the register's; a
// DELETE, which any eviction and expiry may follow, makes it whatever the origin has
// from then on. So a GET may return
//
//   - the value of a PUT, as long as that is the last write, or
//   - a version of the origin that is no older than the one which the origin had when
//     the last write, or any before it, began.
//
// The history keeps the promises if there is an order of its operations by which each
// GET returned what it may, and in which an operation comes before another if its
// window ends before the other's begins (Herlihy and Wing, "Linearizability", 1990).
// The windows are where the promises are:
//
//   - A write took effect once, between its begin and its end; one that failed, once or
//     never. It is not answered before its deadline is over (ADR 9). When there was no
//     answer, the deadline may be the budget later.
//   - What a GET returned was current at some time between its begin, less the time
//     that invalidations take, and its end. During an outage of the instance, when
//     invalidations may be missed, memory may be as old as the outage, L2 may not. So
//     may be what memory has from before an outage when L2 was asked twice in vain.
//   - An instance that has a write of its own under way may not see it before its end.
//
// And each GET comes after all writes that had succeeded on its own instance before.
// Nothing else is an excuse: no order of two reads is promised for an instance whose
// invalidations are on their way.
//
// Rules about pairs of operations would do for keys that are written one write after
// the other, whose versions tell the order. Writes at the same time are where the last
// writer loses, and their order is known to L2 alone: so it is searched for, always.
func (h *History) Violation(p Promises) error {
	for _, key := range slices.Sorted(maps.Keys(h.Operations)) {
		for _, o := range h.Operations[key] {
			if o.Layer == "stale" && !h.in(h.Failures, o) {
				return fmt.Errorf("%s: an expired value though the origin did not fail: %v", key, o)
			}
		}
		if err := newSearch(h.steps(key, p)).run(); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// in reports whether the operation falls into one of the spans.
func (h *History) in(spans []Span, o Operation) bool {
	return slices.ContainsFunc(spans, func(s Span) bool {
		return (s.At == o.At || s.At == Everywhere) && s.From <= o.Ended && o.Begun <= s.To
	})
}

// step is an operation with the window in which it took effect.
type step struct {
	Operation
	earliest, latest time.Duration
	// after are the steps that it comes after whatever the windows are.
	after []int
}

// steps returns the operations of key, ordered by the begin of their windows.
func (h *History) steps(key string, p Promises) []step {
	outages, own := make(map[int][]Span), make(map[int][]Operation)
	for _, o := range h.Operations[key] {
		if outages[o.At] == nil {
			outages[o.At] = h.merged(o.At, p)
		}
		if o.IsWrite() {
			own[o.At] = append(own[o.At], o)
		}
	}
	steps := make([]step, 0, len(h.Operations[key]))
	for _, o := range h.Operations[key] {
		if o.IsWrite() {
			steps = append(steps, step{Operation: o, earliest: o.Begun, latest: p.deadline(o)})
		} else {
			steps = append(steps, step{Operation: o, earliest: p.oldest(o, outages[o.At], own[o.At]), latest: o.Ended})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.earliest, b.earliest) })
	follow(steps)
	return steps
}

// follow has each GET come after the writes that had succeeded on its instance.
func follow(steps []step) {
	succeeded := make(map[int][]int) // by instance, the last to end first
	for i, s := range steps {
		if s.IsWrite() && s.Succeeded() {
			succeeded[s.At] = append(succeeded[s.At], i)
		}
	}
	for _, of := range succeeded {
		slices.SortFunc(of, func(a, b int) int { return cmp.Compare(steps[b].Ended, steps[a].Ended) })
	}
	for i, s := range steps {
		if !s.IsWrite() {
			steps[i].after = before(steps, succeeded[s.At], s.Begun)
		}
	}
}

// before returns those of the writes that had ended by then, the last to end first,
// without those that are before another of them in any case.
func before(steps []step, writes []int, then time.Duration) (these []int) {
	latest := time.Duration(math.MinInt64)
	for _, i := range writes {
		if steps[i].Ended >= then {
			continue
		}
		if steps[i].Ended < latest {
			break
		}
		these = append(these, i)
		latest = max(latest, steps[i].Begun)
	}
	return these
}

// deadline returns when a write has taken effect if it ever does.
func (p Promises) deadline(w Operation) time.Duration {
	if w.Status == 0 { // the instance may just have sent it when it died
		return w.Ended + p.Budget
	}
	return w.Ended
}

// oldest returns since when what r returned may not have been current any more.
// Outages are those of its instance, merged; own are the writes of its key there.
func (p Promises) oldest(r Operation, outages []Span, own []Operation) time.Duration {
	usual := r.Begun - p.Invalidated(r.At, r.Begun)
	if r.Layer == "l1" { // which waits for nothing but the machine, unless L2 was asked in vain
		usual -= r.Ended - r.Begun
	}
	oldest := usual
	for _, w := range own {
		if w.Begun <= r.Begun && r.Begun <= w.Ended {
			oldest = min(oldest, w.Begun)
		}
	}
	inVain := r.Layer == "l1" && p.InVain != nil && p.InVain(r)
	for _, o := range outages {
		if o.From < usual && (usual <= o.To || inVain) {
			oldest = min(oldest, o.From)
		}
	}
	if p.Lifetime > 0 {
		oldest = max(oldest, usual-p.Lifetime)
	}
	if r.Layer == "l2" { // which answers within the budget
		oldest = max(oldest, usual-p.Budget)
	}
	return oldest
}

// merged returns the outages of an instance, each from when memory may be. One that
// begins before another has ended goes on with it.
func (h *History) merged(at int, p Promises) (merged []Span) {
	var all []Span
	for _, o := range h.Outages {
		if o.At == at || o.At == Everywhere {
			all = append(all, Span{at, o.From - p.Invalidated(at, o.From), o.To})
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	for _, o := range all {
		if last := len(merged) - 1; last >= 0 && o.From <= merged[last].To {
			merged[last].To = max(merged[last].To, o.To)
		} else {
			merged = append(merged, o)
		}
	}
	return merged
}

// allows reports whether a GET may return this when the register is in this state.
func (s register) allows(v Value) bool {
	if v.Put {
		return v == s.put
	}
	return v.Version >= s.origin
}

// register is the state of a key.
type register struct {
	put    Value // zero: the last write was a DELETE
	origin int   // the oldest version that a load may bring
}

// after returns the state after a write.
func (s register) after(w Operation) register {
	s.origin = max(s.origin, w.Origin)
	s.put = Value{}
	if w.Method == http.MethodPut {
		s.put = Value{w.Value.Version, true}
	}
	return s
}
