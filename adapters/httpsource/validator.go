package httpsource

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// maxValidator is how long an entity tag or a date may be. A longer one is not kept,
// since each copy of the value would carry it.
const maxValidator = 1 << 10

// Conditions of requests.
const (
	ifNoneMatch     = "If-None-Match"
	ifModifiedSince = "If-Modified-Since"
)

// validatorOf returns the validators of a response that later requests can be made
// conditional by. A date alone says nothing of changes in its second, so it does not
// count until that second is over (RFC 9110, section 8.8.2.2).
func validatorOf(h http.Header, now time.Time) domain.Validator {
	v := usable(domain.Validator{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified")})
	modified, err := http.ParseTime(v.LastModified)
	if err == nil && v.ETag == "" && dateOf(h, now).Sub(modified) < time.Second {
		return domain.Validator{}
	}
	return v
}

// usable leaves out what is not in the form of its field.
func usable(v domain.Validator) domain.Validator {
	if !isETag(v.ETag) {
		v.ETag = ""
	}
	if _, err := http.ParseTime(v.LastModified); err != nil || len(v.LastModified) > maxValidator {
		v.LastModified = ""
	}
	return v
}

// isETag reports whether s is an entity tag (RFC 9110, section 8.8.3) that is not too
// long.
func isETag(s string) bool {
	opaque := strings.TrimPrefix(s, "W/")
	if len(s) > maxValidator || len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' {
		return false
	}
	return !strings.ContainsFunc(opaque[1:len(opaque)-1], func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f })
}

// condition makes the request one for what is not the value held.
func condition(h http.Header, held domain.Validator) {
	held = usable(held)
	if held.ETag != "" {
		h.Set(ifNoneMatch, held.ETag)
	}
	if held.LastModified != "" {
		h.Set(ifModifiedSince, held.LastModified)
	}
}

// unconditional undoes that.
func unconditional(h http.Header) {
	h.Del(ifNoneMatch)
	h.Del(ifModifiedSince)
}

func isConditional(h http.Header) bool { return h[ifNoneMatch] != nil || h[ifModifiedSince] != nil }

// confirmed reads a 304, which has no body. What its header leaves out stays as it was
// (RFC 9111, sections 3.2 and 4.3.4). Its entity tag must be the one held: any other
// confirms a value that the cache does not have.
func (s *Source) confirmed(a answer) (domain.Value, error) {
	if !isConditional(a.Request.Header) {
		return domain.Value{}, fmt.Errorf("%w: it confirms what was not named", domain.ErrSourceFailed)
	}
	v := s.said(a)
	switch {
	case a.held.ETag == "":
		v.Validator.ETag = ""
	case v.Validator.ETag == "":
		v.Validator.ETag = a.held.ETag
	case opaqueTag(v.Validator.ETag) != opaqueTag(a.held.ETag):
		return domain.Value{}, fmt.Errorf("%w: it confirms another entity tag", domain.ErrSourceFailed)
	}
	v.Validator.LastModified = cmp.Or(v.Validator.LastModified, a.held.LastModified)
	return v, domain.ErrNotModified
}

// opaqueTag is what is compared when weak tags will do (RFC 9110, section 8.8.3.2).
func opaqueTag(etag string) string { return strings.TrimPrefix(etag, "W/") }
