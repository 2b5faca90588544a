// Package lru is the nearest layer: a bounded map in this process's memory that
// evicts the entry that was used least recently.
//
// Setting an entry is a use of it, and so is getting it while it is fresh. A stale
// entry is kept for a while, in case the source fails, but getting it saves it from
// nothing: stale entries are evicted first.
//
// A small cache is one list, and an exact LRU. A larger one is split into shards by
// the hash of the key, each with a fixed share of the limits and a mutex of its own.
// There, a hit leaves a mark, which is looked at when the entry's turn to be evicted
// has come.
//
// The files, from the outside in: lru.go (the Cache), options.go (its limits and how
// they are shared out), expiry.go (the clock, and what becomes stale), shard.go (one
// LRU under its mutex), slot.go (the memory of an entry), index.go (finding a key),
// ring.go (the order of entries); with admission, also admission.go (where a new entry
// begins) and sketch.go (how often was a key requested).
//
// The package knows nothing of sources, of other layers or of why an entry is set. A
// cache whose clock ticks has one goroutine, which Close ends.
package lru
