// Package lru is the nearest layer: a bounded map in this process's memory that
// drops what was used least recently. It is exact: the entry that goes is
// always the one whose last use is longest ago.
//
// Using an entry means writing it or reading it fresh. A stale entry is kept
// for a while, in case the source fails, but reading it does not save it from
// being dropped: room belongs to values that can still be served as fresh.
//
// The package knows nothing of sources, of other layers or of why an entry is
// written. It starts no goroutine: an entry that is past its use goes when it is
// asked for, or when its place is needed.
package lru
