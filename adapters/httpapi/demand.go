package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

// demandOf reads what the request asks of its answer. wait is what Prefer said, ""
// for nothing. Requests without the token force no more loads than Access allows.
func (a *API) demandOf(h http.Header) (d domain.Constraints, wait string) {
	switch given := h["Cache-Control"]; {
	case given != nil:
		d = cacheControl(given)
	case h["Pragma"] != nil: // all that HTTP/1.0 has (RFC 7234, section 5.4)
		d.NoCache = cacheControl(h["Pragma"]).NoCache
	}
	if given := h["Prefer"]; given != nil {
		wait, d.Wait = preferredWait(given)
	}
	if given := h["Min-Version"]; given != nil {
		if version, err := strconv.ParseUint(strings.Join(given, ","), 10, 64); err == nil {
			d.MinVersion = version
		}
	}
	if (d.Strict() || d.NoStore) && !a.trusts(h) {
		d.Within = a.access.ReloadInterval
	}
	return d, wait
}

const (
	directiveNoStore = "no-store"
	directiveNoCache = "no-cache"
)

// cacheControl reads the request directives (RFC 9111, section 5.2.1), each by
// itself. Of one that is there twice the first counts.
func cacheControl(lines []string) (d domain.Constraints) {
	seen := make(map[string]bool, 4)
	for member := range field.Members(lines) {
		name, argument, given, ok := field.Directive(member)
		if ok && !seen[name] {
			seen[name] = obey(&d, name, argument, given)
		}
	}
	return d
}

// obey adds one directive to d and reports whether that could be read.
func obey(d *domain.Constraints, name, argument string, given bool) bool {
	switch name {
	case directiveNoCache:
		d.NoCache = true
		return true
	case directiveNoStore:
		d.NoStore = true
		return true
	case "only-if-cached":
		d.OnlyIfCached = true
		return true
	}
	s, ok := field.DeltaSeconds(argument)
	switch {
	case name == "max-stale" && !given:
		d.MaxStale = math.MaxInt64 // however stale
		return true
	case !ok:
		return false
	}
	switch name {
	case "max-age":
		d.MaxAge = s
		d.NoCache = d.NoCache || s == 0 // what is 0 seconds old was loaded for this request
	case "min-fresh":
		d.MinFresh = s
	case "max-stale":
		d.MaxStale = s
	case "stale-if-error":
		d.StaleIfError = s
		if s == 0 {
			d.StaleIfError = -1
		}
	}
	return true
}

// preferredWait reads the preference to wait (RFC 7240, section 4.3), of which
// the first counts.
func preferredWait(lines []string) (string, time.Duration) {
	for member := range field.Members(lines) {
		name, argument, _, ok := field.Directive(field.Value(member)) // parameters mean nothing here
		if !ok || name != "wait" {
			continue
		}
		s, ok := field.DeltaSeconds(argument)
		if !ok {
			return "", 0
		}
		return strconv.FormatInt(int64(s/time.Second), 10), max(time.Nanosecond, s)
	}
	return "", 0
}

// matches reports whether the entity tag is among those of an If-None-Match, by
// weak comparison (RFC 9110, section 13.1.2), or, if strong, of an If-Match.
func matches(given []string, etag string, strong bool) bool {
	for _, line := range given {
		if strings.TrimSpace(line) == "*" {
			return true
		}
		for {
			// No tag of ours contains a comma or a quote, so other people's need
			// not be taken apart with care.
			tag, rest, more := strings.Cut(line, ",")
			tag = strings.TrimSpace(tag)
			if tag == etag || !strong && strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
			if !more {
				break
			}
			line = rest
		}
	}
	return false
}
