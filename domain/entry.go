package domain

import (
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
	value    Value
	etag     string
	missing  bool
	ttl      time.Duration
	loadTime time.Duration
	keep     time.Duration
}

// NewEntry returns an entry for a value that the source took loadTime to
// answer and that is fresh for ttl. Both are kept in whole milliseconds. The body is
// kept as it is, so it must have bytes of its own; the rest, which comes out of
// headers, is copied.
func NewEntry(v Value, ttl, loadTime time.Duration) *Entry {
	v.ContentType = strings.Clone(v.ContentType)
	v.Validator = v.storedValidator()
	v.Tags = v.Tags.clone()
	v.TTL, v.NoStore, v.TagsUnknown = 0, false, false // they have served their purpose
	return &Entry{value: v, etag: strongTag(v), ttl: wholeMillis(ttl), loadTime: wholeMillis(loadTime)}
}

// Renewed returns the entry as the source has just confirmed it: with a new TTL and
// load time, and what the source says of it now. What v leaves out stays as it was.
func (e *Entry) Renewed(v Value, ttl, loadTime time.Duration) *Entry {
	renewed := *e
	renewed.ttl, renewed.loadTime = wholeMillis(ttl), wholeMillis(loadTime)
	if v.NoStore || v.Validator != (Validator{}) {
		renewed.value.Validator = v.storedValidator()
	}
	if len(v.Tags) > 0 {
		renewed.value.Tags = v.Tags.clone()
	}
	if v.Version > 0 {
		renewed.value.Version = v.Version
	}
	return &renewed
}

// storedValidator returns the validator with bytes of its own. What may not be stored
// cannot be confirmed later, so it has none.
func (v *Value) storedValidator() Validator {
	if v.NoStore {
		return Validator{}
	}
	return Validator{strings.Clone(v.Validator.ETag), strings.Clone(v.Validator.LastModified)}
}

// NewMissing returns an entry that says: the source has no such key.
func NewMissing(ttl, loadTime time.Duration) *Entry {
	return &Entry{missing: true, ttl: wholeMillis(ttl), loadTime: wholeMillis(loadTime)}
}

// Kept returns the entry as one that farther layers keep for that long after it
// expires, in whole milliseconds, to be served as stale.
func (e *Entry) Kept(keep time.Duration) *Entry {
	kept := *e
	kept.keep = wholeMillis(keep)
	return &kept
}

// Body returns the bytes of the value. It is empty for a missing entry.
func (e *Entry) Body() string { return e.value.Body }

// ContentType returns the media type that the source gave.
func (e *Entry) ContentType() string { return e.value.ContentType }

// ETag returns the strong entity tag of the value (RFC 9110, section 8.8.3),
// quotes included. It is empty for a missing entry.
func (e *Entry) ETag() string { return e.etag }

// Validator returns what the source tells versions of the value apart by.
func (e *Entry) Validator() Validator { return e.value.Validator }

// Tags returns the tags of the value. They are the entry's: do not change them.
func (e *Entry) Tags() Tags { return e.value.Tags }

// Version returns the version of the value, or 0.
func (e *Entry) Version() uint64 { return e.value.Version }

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
	v := &e.value
	return len(v.Body) + len(v.ContentType) + len(e.etag) + len(v.Validator.ETag) + len(v.Validator.LastModified) + v.Tags.size()
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
