package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
)

// promises are the bounds that a history is checked against.
type promises struct {
	// budget is L2's: after it, what was sent does not take effect any more.
	budget time.Duration
	// invalidated returns how long after a write the instance may miss it, if that
	// began to be read at that time: the delay of the network and 10 ms.
	invalidated func(at int, begun time.Duration) time.Duration
	// inVain reports whether L2 was asked twice in vain for what a GET got from memory.
	// nil: never.
	inVain func(get operation) bool
	// lifetime is for how long a value is served at the most that was replaced
	// during an outage: its TTL and what it takes to load it. 0: for ever.
	lifetime time.Duration
}

// violation returns why the history breaks a promise, or nil.
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
func (h *history) violation(p promises) error {
	for _, key := range slices.Sorted(maps.Keys(h.operations)) {
		for _, o := range h.operations[key] {
			if o.layer == "stale" && !h.in(h.failures, o) {
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
func (h *history) in(spans []span, o operation) bool {
	return slices.ContainsFunc(spans, func(s span) bool {
		return (s.at == o.at || s.at == everywhere) && s.from <= o.ended && o.begun <= s.to
	})
}

// step is an operation with the window in which it took effect.
type step struct {
	operation
	earliest, latest time.Duration
	// after are the steps that it comes after whatever the windows are.
	after []int
}

// steps returns the operations of key, ordered by the begin of their windows.
func (h *history) steps(key string, p promises) []step {
	outages, own := make(map[int][]span), make(map[int][]operation)
	for _, o := range h.operations[key] {
		if outages[o.at] == nil {
			outages[o.at] = h.merged(o.at, p)
		}
		if o.isWrite() {
			own[o.at] = append(own[o.at], o)
		}
	}
	steps := make([]step, 0, len(h.operations[key]))
	for _, o := range h.operations[key] {
		if o.isWrite() {
			steps = append(steps, step{operation: o, earliest: o.begun, latest: p.deadline(o)})
		} else {
			steps = append(steps, step{operation: o, earliest: p.oldest(o, outages[o.at], own[o.at]), latest: o.ended})
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
		if s.isWrite() && s.succeeded() {
			succeeded[s.at] = append(succeeded[s.at], i)
		}
	}
	for _, of := range succeeded {
		slices.SortFunc(of, func(a, b int) int { return cmp.Compare(steps[b].ended, steps[a].ended) })
	}
	for i, s := range steps {
		if !s.isWrite() {
			steps[i].after = before(steps, succeeded[s.at], s.begun)
		}
	}
}

// before returns those of the writes that had ended by then, the last to end first,
// without those that are before another of them in any case.
func before(steps []step, writes []int, then time.Duration) (these []int) {
	latest := time.Duration(math.MinInt64)
	for _, i := range writes {
		if steps[i].ended >= then {
			continue
		}
		if steps[i].ended < latest {
			break
		}
		these = append(these, i)
		latest = max(latest, steps[i].begun)
	}
	return these
}

// deadline returns when a write has taken effect if it ever does.
func (p promises) deadline(w operation) time.Duration {
	if w.status == 0 { // the instance may just have sent it when it died
		return w.ended + p.budget
	}
	return w.ended
}

// oldest returns since when what r returned may not have been current any more.
// Outages are those of its instance, merged; own are the writes of its key there.
func (p promises) oldest(r operation, outages []span, own []operation) time.Duration {
	usual := r.begun - p.invalidated(r.at, r.begun)
	if r.layer == "l1" { // which waits for nothing but the machine, unless L2 was asked in vain
		usual -= r.ended - r.begun
	}
	oldest := usual
	for _, w := range own {
		if w.begun <= r.begun && r.begun <= w.ended {
			oldest = min(oldest, w.begun)
		}
	}
	inVain := r.layer == "l1" && p.inVain != nil && p.inVain(r)
	for _, o := range outages {
		if o.from < usual && (usual <= o.to || inVain) {
			oldest = min(oldest, o.from)
		}
	}
	if p.lifetime > 0 {
		oldest = max(oldest, usual-p.lifetime)
	}
	if r.layer == "l2" { // which answers within the budget
		oldest = max(oldest, usual-p.budget)
	}
	return oldest
}

// merged returns the outages of an instance, each from when memory may be. One that
// begins before another has ended goes on with it.
func (h *history) merged(at int, p promises) (merged []span) {
	var all []span
	for _, o := range h.outages {
		if o.at == at || o.at == everywhere {
			all = append(all, span{at, o.from - p.invalidated(at, o.from), o.to})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, o := range all {
		if last := len(merged) - 1; last >= 0 && o.from <= merged[last].to {
			merged[last].to = max(merged[last].to, o.to)
		} else {
			merged = append(merged, o)
		}
	}
	return merged
}

// allows reports whether a GET may return this when the register is in this state.
func (s register) allows(v value) bool {
	if v.put {
		return v == s.put
	}
	return v.version >= s.origin
}

// register is the state of a key.
type register struct {
	put    value // zero: the last write was a DELETE
	origin int   // the oldest version that a load may bring
}

// after returns the state after a write.
func (s register) after(w operation) register {
	s.origin = max(s.origin, w.origin)
	s.put = value{}
	if w.method == http.MethodPut {
		s.put = value{w.value.version, true}
	}
	return s
}
