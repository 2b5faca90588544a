package domain

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

// Value is what a source answers for a key, and what it says about that. Body is a
// string because strings cannot be changed: a value is shared by all layers and all
// readers at once.
type Value struct {
	Body        string
	ContentType string // a media type (RFC 9110, section 8.3); may be empty

	TTL     time.Duration // how long the source says that the value is fresh; 0: it does not say; below 0: not at all
	NoStore bool          // the source says that no layer may store the value
	// TagsUnknown says that the source gave tags which cannot be read. No layer may
	// store the value, whatever else is said: a purge of one of them would miss it.
	TagsUnknown bool
	Validator   Validator
	Tags        Tags
	Version     uint64 // grows with each change of what the key names; 0: unknown
}

// Validator tells versions of a value apart in the source's own words (RFC 9110,
// section 8.8). The zero Validator tells nothing.
type Validator struct {
	ETag         string // an entity tag, quotes included
	LastModified string // an HTTP date
}

// Entry is what the cache remembers of a key: a value, or the knowledge that
// the source has none (Missing). It is immutable and safe for concurrent use;
// pointers to it are passed around freely.
type Entry struct {
	body        string
	contentType string
	etag        string
	said        *said // nil for the many values of which nothing else was said
	ttl         time.Duration
	loadTime    time.Duration
	keep        time.Duration
	shortening  time.Duration
	missing     bool
}

// said is what is known of a value besides. It is immutable.
type said struct {
	validator Validator
	tags      Tags
	version   uint64
	mark      Mark
}

// saidOf returns s with bytes of its own, or nil if it says nothing.
func saidOf(s said) *said {
	if s.validator == (Validator{}) && len(s.tags) == 0 && s.version == 0 && s.mark == (Mark{}) {
		return nil
	}
	s.validator = Validator{strings.Clone(s.validator.ETag), strings.Clone(s.validator.LastModified)}
	s.tags = s.tags.clone()
	return &s
}

// NewEntry returns an entry for a value that the source took loadTime to
// answer and that is fresh for ttl. Both are kept in whole milliseconds. The body is
// kept as it is, so it must have bytes of its own; the rest, which comes out of
// headers, is copied.
func NewEntry(v Value, ttl, loadTime time.Duration) *Entry {
	return &Entry{
		body: v.Body, contentType: strings.Clone(v.ContentType), etag: strongTag(v),
		said: saidOf(said{validator: v.storedValidator(), tags: v.Tags, version: v.Version}), ttl: wholeMillis(ttl), loadTime: wholeMillis(loadTime),
	}
}

// Renewed returns the entry as the source has just confirmed it: with a new TTL and
// load time, and what the source says of it now. What v leaves out stays as it was.
func (e *Entry) Renewed(v Value, ttl, loadTime time.Duration) *Entry {
	renewed := *e
	renewed.shortening = 0
	renewed.ttl, renewed.loadTime = wholeMillis(ttl), wholeMillis(loadTime)
	now := said{validator: e.Validator(), tags: e.Tags(), version: cmp.Or(v.Version, e.Version())}
	if v.NoStore || v.Validator != (Validator{}) {
		now.validator = v.storedValidator()
	}
	if len(v.Tags) > 0 {
		now.tags = v.Tags
	}
	renewed.said = saidOf(now)
	return &renewed
}

// storedValidator returns the validator. What may not be stored cannot be confirmed
// later, so it has none.
func (v *Value) storedValidator() Validator {
	if v.NoStore {
		return Validator{}
	}
	return v.Validator
}

// NewMissing returns an entry that says: the source has no such key.
func NewMissing(ttl, loadTime time.Duration) *Entry {
	return &Entry{missing: true, ttl: wholeMillis(ttl), loadTime: wholeMillis(loadTime)}
}

// Kept returns the entry as one that farther layers keep for that long after it
// expires, in whole milliseconds, to be served as stale.
func (e *Entry) Kept(keep time.Duration) *Entry {
	kept := *e
	kept.shortening = 0
	kept.keep = wholeMillis(keep)
	return &kept
}

// Shortened returns the entry as one that a layer holds with a TTL that is shorter by d
// than it is.
func (e *Entry) Shortened(d time.Duration) *Entry {
	shortened := *e
	shortened.shortening = d
	return &shortened
}

// Marked returns the entry as one whose load began when the purges up to m were known.
func (e *Entry) Marked(m Mark) *Entry {
	marked := *e
	var s said
	if e.said != nil {
		s = *e.said
	}
	s.mark = m
	marked.said = saidOf(s)
	return &marked
}

// Shortening returns by how much the TTL is longer than the layer knows that holds the
// entry.
func (e *Entry) Shortening() time.Duration { return e.shortening }

// Body returns the bytes of the value. It is empty for a missing entry.
func (e *Entry) Body() string { return e.body }

// ContentType returns the media type that the source gave.
func (e *Entry) ContentType() string { return e.contentType }

// ETag returns the strong entity tag of the value (RFC 9110, section 8.8.3),
// quotes included. It is empty for a missing entry.
func (e *Entry) ETag() string { return e.etag }

// Validator returns what the source tells versions of the value apart by.
func (e *Entry) Validator() Validator {
	if e.said == nil {
		return Validator{}
	}
	return e.said.validator
}

// Tags returns the tags of the value. They are the entry's: do not change them.
func (e *Entry) Tags() Tags {
	if e.said == nil {
		return nil
	}
	return e.said.tags
}

// Version returns the version of the value, or 0.
func (e *Entry) Version() uint64 {
	if e.said == nil {
		return 0
	}
	return e.said.version
}

// Mark says which purges were known when the load of the entry began.
func (e *Entry) Mark() Mark {
	if e.said == nil {
		return Mark{}
	}
	return e.said.mark
}

// SameValue reports whether both entries say the same of what the key names, whenever
// they were loaded. It is false if one of them is nil.
func (e *Entry) SameValue(other *Entry) bool {
	return e != nil && other != nil && e.missing == other.missing && e.etag == other.etag
}

// Missing reports whether the entry says that the source has no such key.
func (e *Entry) Missing() bool { return e.missing }

// TTL returns the whole TTL that the entry was given when it was loaded.
func (e *Entry) TTL() time.Duration { return e.ttl }

// LoadTime returns how long the source took to answer.
func (e *Entry) LoadTime() time.Duration { return e.loadTime }

// Keep returns how long farther layers keep the entry after it expires.
func (e *Entry) Keep() time.Duration { return e.keep }

// Size returns the bytes that the strings of the entry occupy.
func (e *Entry) Size() int {
	size := len(e.body) + len(e.contentType) + len(e.etag)
	if s := e.said; s != nil {
		const headers = 80 // of its strings and of itself
		size += headers + len(s.validator.ETag) + len(s.validator.LastModified) + s.tags.size()
	}
	return size
}

// strongTag derives an entity tag from the value, so that all instances give
// the same tag to the same bytes. 128 bits of SHA-256 are beyond any accident.
func strongTag(v Value) string {
	h := sha256.New()
	// The length in front keeps the two apart, whatever they contain.
	h.Write(binary.AppendUvarint(nil, uint64(len(v.ContentType))))
	io.WriteString(h, v.ContentType)
	io.WriteString(h, v.Body)
	sum := h.Sum(nil)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// wholeMillis is the precision of the stored form, applied from the start so
// that an entry is the same before and after it was stored.
func wholeMillis(d time.Duration) time.Duration { return max(0, d.Truncate(time.Millisecond)) }
