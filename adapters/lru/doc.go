// Package lru is the nearest layer: a bounded map in this process's memory that
// drops what was used least recently.
//
// Using an entry means writing it or reading it fresh. A stale entry is kept
// for a while, in case the source fails, but reading it does not save it from
// being dropped: stale entries are the first to go when room is needed.
//
// A small cache is one list, and an exact LRU. A larger one is split into
// shards by the hash of the key, each a list of its own; the limits hold for
// all of them together, and room moves to where it is needed most, so that the
// split costs no hits. There, a hit is only noted, and the order put right when
// an entry's turn to go has come.
//
// Reading takes no lock. The files, from the inside out: slab.go (the memory of
// entries), list.go, ring.go and order.go (the order), index.go and view.go
// (finding a key, with and without the lock), wheel.go (whose life is over),
// shard.go (one LRU of these), budget.go, stamp.go and neighbours.go (what the
// shards share: limits, a clock of uses, and room), options.go and cache.go (the
// whole). With admission: sketch.go (how often was a key seen),
// admission.go (who gets a place), duel.go (how much recency should count).
//
// The package knows nothing of sources, of other layers or of why an entry is
// written. A cache whose clock ticks has one goroutine, which Close ends.
package lru
