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
//	"mlc" form flags ttl loadTime [keep] [version] [sourceETag lastModified]
//	[tags] [generation number] contentType etag body
//
// form and flags are one byte each. ttl, loadTime and keep are unsigned varints of
// milliseconds (encoding/binary), version and the mark's two numbers are, too; strings are preceded by their
// length as a varint, and the tags by how many there are. What is in brackets is there
// if a flag says so, and a reader that does not know a flag cannot decode the entry: to
// such a reader it is a miss. So an entry that has nothing new is stored as it always
// was, and versions of the program can share a server while they are upgraded.
// Form 2 is taken: the Redis layer begins entries with it that it has compressed.
const (
	storedMagic   = "mlc\x01"
	missingFlag   = 1 << 0
	keepFlag      = 1 << 1
	versionFlag   = 1 << 2
	validatorFlag = 1 << 3
	tagsFlag      = 1 << 4
	markFlag      = 1 << 5
	knownFlags    = missingFlag | keepFlag | versionFlag | validatorFlag | tagsFlag | markFlag
	maxStoredTTL  = math.MaxInt64 / uint64(time.Millisecond)
)

// AppendStored appends the stored form of e to dst and returns the result.
func AppendStored(dst []byte, e *Entry) []byte {
	flags := e.storedFlags()
	dst = append(dst, storedMagic...)
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(e.ttl.Milliseconds()))
	dst = binary.AppendUvarint(dst, uint64(e.loadTime.Milliseconds()))
	if flags&keepFlag != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.keep.Milliseconds()))
	}
	if flags&versionFlag != 0 {
		dst = binary.AppendUvarint(dst, e.said.version)
	}
	if flags&validatorFlag != 0 {
		dst = appendText(dst, e.said.validator.ETag, e.said.validator.LastModified)
	}
	if flags&tagsFlag != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(e.said.tags)))
		dst = appendText(dst, e.said.tags...)
	}
	if flags&markFlag != 0 {
		dst = binary.AppendUvarint(dst, e.said.mark.Generation)
		dst = binary.AppendUvarint(dst, e.said.mark.Number)
	}
	return appendText(dst, e.contentType, e.etag, e.body)
}

func (e *Entry) storedFlags() (flags byte) {
	if e.missing {
		flags |= missingFlag
	}
	if e.keep > 0 {
		flags |= keepFlag
	}
	if e.Version() > 0 {
		flags |= versionFlag
	}
	if e.Validator() != (Validator{}) {
		flags |= validatorFlag
	}
	if len(e.Tags()) > 0 {
		flags |= tagsFlag
	}
	if e.Mark() != (Mark{}) {
		flags |= markFlag
	}
	return flags
}

func appendText(dst []byte, texts ...string) []byte {
	for _, text := range texts {
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

// ParseStored decodes the stored form. The entry keeps s alive and shares its
// bytes. The error wraps ErrUndecodable.
func ParseStored(s string) (*Entry, error) {
	r := storedReader{rest: s}
	if !r.skip(storedMagic) {
		return nil, fmt.Errorf("%w: unknown form", ErrUndecodable)
	}
	flags := r.flags()
	e := &Entry{missing: flags&missingFlag != 0, ttl: r.millis(), loadTime: r.millis()}
	if flags&keepFlag != 0 {
		e.keep = r.millis()
	}
	if flags&(versionFlag|validatorFlag|tagsFlag|markFlag) != 0 {
		e.said = new(said)
	}
	if flags&versionFlag != 0 {
		e.said.version = r.number()
	}
	if flags&validatorFlag != 0 {
		e.said.validator = Validator{r.text(), r.text()}
	}
	if flags&tagsFlag != 0 {
		e.said.tags = r.tags()
	}
	if flags&markFlag != 0 {
		e.said.mark = Mark{r.number(), r.number()}
	}
	e.contentType, e.etag, e.body = r.text(), r.text(), r.text()
	// There is one form for each entry: what a flag announces is there.
	if r.failed || r.rest != "" || flags&^knownFlags != 0 || flags != e.storedFlags() {
		return nil, fmt.Errorf("%w: cut short, damaged, or of a later version", ErrUndecodable)
	}
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

func (r *storedReader) tags() Tags {
	n := r.number()
	if n > MaxTags {
		r.failed = true
		return nil
	}
	tags := make(Tags, n)
	for i := range tags {
		tags[i] = r.text()
	}
	return tags
}

func (r *storedReader) millis() time.Duration {
	ms := r.number()
	if ms > maxStoredTTL {
		r.failed = true
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
