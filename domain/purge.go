package domain

import "time"

// Invalidation says what is known of a change of a key.
type Invalidation struct {
	// Version is that of the key's value since then, or 0. No value with a lower one is
	// stored while it is remembered.
	Version    uint64
	Remembered time.Duration
	Soft       bool // what is stored may be served as stale
}

// Purge makes entries absent, or stale if it is Soft: those that have one of Tags, or
// with All every entry. Only entries are meant whose load began before the purge.
type Purge struct {
	Tags Tags
	All  bool
	Soft bool
}

// PurgeRequest says what is to be purged: keys, and what Purge says.
type PurgeRequest struct {
	Keys []Key
	Purge
	Version uint64 // of the keys' values since then, see Invalidation; 0: unknown
}

// Mark says which purges were known when the load of an entry began: those of the
// generation up to the number. The zero Mark is of an entry for which none were known.
type Mark struct{ Generation, Number uint64 }

// Purges is what is recorded of purges, or the part of it that is new. Numbers grow
// with each purge and are of the generation; a lost record begins a new generation.
type Purges struct {
	Mark                // of the last purge
	All, AllSoft uint64 // numbers of the last purges of everything, hard and soft; 0: none
	Floor        uint64 // purges of tags up to this number are forgotten: each tag counts as purged then
	Tags         []TagPurge
}

// TagPurge is the last purge of a tag.
type TagPurge struct {
	Tag    string
	Number uint64
	Soft   bool
}

// routeTagMark begins the tag that all entries of a route have. No other tag has it.
const routeTagMark = "\x01"

// RouteTag returns the tag that every entry of a route has without carrying it.
func RouteTag(route string) string { return routeTagMark + route }

// IsRouteTag reports whether a tag is that of a route.
func IsRouteTag(tag string) bool { return len(tag) > 0 && tag[:1] == routeTagMark }
