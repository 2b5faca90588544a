package domain

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
)

// The stored form of an entry, the same in every second layer:
//
//	"mlc" version flags ttl loadTime [keep] contentType etag body
//
// version and flags are one byte each, ttl, loadTime and keep (if a flag says
// that it is there) unsigned varints of milliseconds, and the last three strings
// preceded by their length as a varint (encoding/binary). A change that old readers would misread raises the
// version; what cannot be decoded is a miss to whoever reads it.
const (
	storedMagic   = "mlc\x01"
	missingFlag   = 1
	keepFlag      = 2
	maxStoredLife = math.MaxInt64 / uint64(time.Millisecond)
)

// AppendStored appends the stored form of e to dst and returns the result.
func AppendStored(dst []byte, e *Entry) []byte {
	var flags byte
	if e.missing {
		flags |= missingFlag
	}
	if e.keep > 0 {
		flags |= keepFlag
	}
	dst = append(dst, storedMagic...)
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(e.ttl.Milliseconds()))
	dst = binary.AppendUvarint(dst, uint64(e.loadTime.Milliseconds()))
	if e.keep > 0 {
		dst = binary.AppendUvarint(dst, uint64(e.keep.Milliseconds()))
	}
	for _, s := range [...]string{e.value.ContentType, e.etag, e.value.Body} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// ParseStored decodes the stored form. The entry keeps s alive and shares its
// bytes. The error wraps ErrUndecodable.
func ParseStored(s string) (*Entry, error) {
	r := storedReader{rest: s}
	if !r.skip(storedMagic) {
		return nil, fmt.Errorf("%w: unknown form or version", ErrUndecodable)
	}
	flags := r.flags()
	e := &Entry{ttl: r.millis(), loadTime: r.millis()}
	if flags&keepFlag != 0 {
		e.keep = r.millis()
		r.failed = r.failed || e.keep == 0 // there is one form for each entry
	}
	e.value.ContentType = r.text()
	e.etag = r.text()
	e.value.Body = r.text()
	if r.failed || r.rest != "" || flags&^(missingFlag|keepFlag) != 0 {
		return nil, fmt.Errorf("%w: cut short or damaged", ErrUndecodable)
	}
	e.missing = flags&missingFlag != 0
	return e, nil
}

// storedReader consumes a stored form from the front. After a failure it
// returns zero values, so that a caller checks once, at the end.
type storedReader struct {
	rest   string
	failed bool
}

func (r *storedReader) skip(prefix string) bool {
	rest, ok := strings.CutPrefix(r.rest, prefix)
	r.rest = rest
	return ok
}

func (r *storedReader) take(n uint64) string {
	if r.failed || n > uint64(len(r.rest)) {
		r.failed = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *storedReader) flags() byte {
	if flags := r.take(1); flags != "" {
		return flags[0]
	}
	return 0
}

func (r *storedReader) number() uint64 {
	head := r.rest[:min(len(r.rest), binary.MaxVarintLen64)]
	v, n := binary.Uvarint([]byte(head))
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *storedReader) text() string { return r.take(r.number()) }

func (r *storedReader) millis() time.Duration {
	ms := r.number()
	if ms > maxStoredLife {
		r.failed = true
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
