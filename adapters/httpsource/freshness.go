package httpsource

import (
	"net/http"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

// stale is the TTL of a value that is not fresh at all.
const stale = -1

// freshness reads how long a response is fresh, as domain.Value.TTL has it, and
// whether it may be stored (RFC 9111, sections 4.2 and 5.2.2). The layers are a shared
// cache: s-maxage counts before max-age, and private forbids to store. The most
// restrictive directive wins, of one that is there twice the first counts, and one
// whose number cannot be read makes the response stale, as section 4.2.1 recommends.
// Nothing is guessed from Last-Modified.
//
// must-revalidate and proxy-revalidate change nothing here: they do not say how long
// the response is fresh, and whether expired values are served is configured.
func freshness(h http.Header, waited time.Duration, now time.Time) (ttl time.Duration, noStore bool) {
	noCache, ages := false, make(map[string]time.Duration, 2)
	for member := range field.Members(h["Cache-Control"]) {
		name, argument, _, _ := field.Directive(member)
		switch name {
		case "no-store", "private": // private="field", too: what is left would have to be stored without it
			noStore = true
		case "no-cache":
			noCache = true
		case sharedMaxAge, maxAge:
			if _, twice := ages[name]; !twice {
				ages[name], _ = field.DeltaSeconds(argument) // unreadable: 0
			}
		}
	}
	lifetime, given := lifetimeOf(h, ages, now)
	switch remaining := lifetime - ageOf(h, waited); {
	case noCache:
		return stale, noStore
	case !given:
		return 0, noStore
	case remaining <= 0:
		return stale, noStore
	default:
		return remaining, noStore
	}
}

const (
	sharedMaxAge = "s-maxage"
	maxAge       = "max-age"
)

// lifetimeOf returns the explicit freshness lifetime, if there is one. Expires, which
// an unreadable date puts in the past, is relative to the clock of the source.
func lifetimeOf(h http.Header, ages map[string]time.Duration, now time.Time) (_ time.Duration, given bool) {
	for _, name := range [...]string{sharedMaxAge, maxAge} {
		if age, given := ages[name]; given {
			return age, true
		}
	}
	if h["Expires"] == nil {
		return 0, false
	}
	expires, err := http.ParseTime(h.Get("Expires"))
	if err != nil {
		return 0, true
	}
	return expires.Sub(dateOf(h, now)), true
}

// dateOf returns when the source says that it answered, else now.
func dateOf(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// ageOf returns how long ago the response left its origin, by the caches that it came
// from since. Their Age counts from when the request was sent, waited ago (section
// 4.2.3). A response without an Age is fresh from its origin: its lifetime begins when
// it has arrived, since no clocks are compared.
func ageOf(h http.Header, waited time.Duration) time.Duration {
	for member := range field.Members(h["Age"]) {
		if age, ok := field.DeltaSeconds(member); ok {
			return age + waited
		}
		break // only the first member counts
	}
	return 0
}
