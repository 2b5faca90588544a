package httpsource

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// headerOf returns the header with these lines.
func headerOf(lines string) http.Header {
	h := http.Header{}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			h.Add(name, strings.TrimSpace(value))
		}
	}
	return h
}

const (
	second  = time.Second
	nothing = 0 // is said
	forbids = true

	date     = "\nDate: Sun, 06 Nov 1994 08:49:37 GMT"
	inAnHour = "\nExpires: Sun, 06 Nov 1994 09:49:37 GMT"
)

// freshnessOf has what responses say, and by which section of RFC 9111 or 9110.
var freshnessOf = []struct {
	section, header string
	ttl             time.Duration
	noStore         bool
}{
	{"4.2.1, nothing explicit", "", nothing, false},
	{"4.2.2, no heuristics", "Last-Modified: Sun, 06 Nov 1994 07:49:37 GMT" + date, nothing, false},
	{"4.2.1, max-age", "Cache-Control: max-age=60", 60 * second, false},
	{"4.2.1, max-age before Expires", "Cache-Control: max-age=60" + date + inAnHour, 60 * second, false},
	{"4.2.1, s-maxage before max-age", "Cache-Control: max-age=60, s-maxage=5", 5 * second, false},
	{"4.2.1, s-maxage before Expires", "Cache-Control: s-maxage=5" + date + inAnHour, 5 * second, false},
	{"4.2.1, Expires less Date", "X: y" + date + inAnHour, time.Hour, false},
	{"4.2.1, the first of several", "Cache-Control: max-age=60, max-age=5", 60 * second, false},
	{"4.2.1, the first of several lines", "Cache-Control: max-age=60\nCache-Control: max-age=5", 60 * second, false},
	{"4.2.1, the first Expires", "X: y" + date + inAnHour + "\nExpires: 0", time.Hour, false},
	{"4.2.1, the first is unreadable", "Cache-Control: max-age=x, max-age=5", stale, false},
	{"4.2.1, the most restrictive", "Cache-Control: max-age=60, no-cache", stale, false},
	{"4.2.1, not an integer", "Cache-Control: max-age=1.5", stale, false},
	{"4.2.1, not an integer, with Expires", "Cache-Control: max-age=x" + date + inAnHour, stale, false},
	{"4.2.1, s-maxage is not an integer", "Cache-Control: max-age=60, s-maxage=x", stale, false},
	{"4.2.1, negative", "Cache-Control: max-age=-5", stale, false},
	{"4.2.1, no argument", "Cache-Control: max-age", stale, false},
	{"4.2.1, an empty argument", "Cache-Control: max-age=", stale, false},
	{"4.2.1, a broken argument", `Cache-Control: max-age="60`, stale, false},
	{"4.2.1, two arguments", "Cache-Control: max-age=60 s-maxage=5", stale, false},
	{"1.2.2, overflow", "Cache-Control: max-age=99999999999999999999", 1 << 31 * second, false},
	{"4.2, zero is over", "Cache-Control: max-age=0", stale, false},

	{"4.2.3, less Age", "Cache-Control: max-age=60\nAge: 10", 60*second - 10*second - waiting, false},
	{"4.2.3, Expires less Age", "Age: 10" + date + inAnHour, time.Hour - 10*second - waiting, false},
	{"4.2.3, Age 0 counts from the request", "Cache-Control: max-age=60\nAge: 0", 60*second - waiting, false},
	{"4.2.3, over in another cache", "Cache-Control: max-age=60\nAge: 60", stale, false},
	{"4.2.3, over on the way", "Cache-Control: max-age=60\nAge: 57", stale, false},
	{"4.2.3, Age of what has no lifetime", "Age: 60", nothing, false},
	{"5.1, only the first Age", "Cache-Control: max-age=60\nAge: 10, 60\nAge: 60", 60*second - 10*second - waiting, false},
	{"5.1, an unreadable Age", "Cache-Control: max-age=60\nAge: x", 60 * second, false},
	{"5.1, a negative Age", "Cache-Control: max-age=60\nAge: -1", 60 * second, false},
	{"5.1, an unreadable first Age", "Cache-Control: max-age=60\nAge: x, 10", 60 * second, false},
	{"1.2.2, Age overflows", "Cache-Control: max-age=60\nAge: 99999999999999999999", stale, false},

	{"5.2, names have no case", "cache-control: MAX-AGE=60, No-Store", 60 * second, forbids},
	{"5.2, both forms of arguments", `Cache-Control: max-age="60"`, 60 * second, false},
	{"5.2, a quoted pair", `Cache-Control: max-age="\6\0"`, 60 * second, false},
	{"5.2, spaces", "Cache-Control: max-age = 60 ,no-store", 60 * second, forbids},
	{"5.2, empty members", "Cache-Control: ,, max-age=60,", 60 * second, false},
	{"5.2, an empty line", "Cache-Control:\nCache-Control: max-age=60", 60 * second, false},
	{"5.2.3, unknown directives", `Cache-Control: max-ages=5, x="max-age=5, no-store", max-age=60`, 60 * second, false},
	{"5.2.3, unreadable members", `Cache-Control: max age=5, "no-store", =5, ;, max-age=60`, 60 * second, false},
	{"5.2, a quote without end", `Cache-Control: x="y, no-store, max-age=60`, 60 * second, forbids},

	{"5.2.2.2, must-revalidate", "Cache-Control: must-revalidate, max-age=60", 60 * second, false},
	{"5.2.2.4, no-cache", "Cache-Control: no-cache", stale, false},
	{"5.2.2.4, no-cache for some fields", `Cache-Control: max-age=60, no-cache="Set-Cookie"`, stale, false},
	{"5.2.2.4, no-cache with a broken argument", `Cache-Control: max-age=60, no-cache=`, stale, false},
	{"5.2.2.5, no-store", "Cache-Control: no-store", nothing, forbids},
	{"5.2.2.5, no-store on the last line", "Cache-Control: max-age=60\nCache-Control: no-store", 60 * second, forbids},
	{"5.2.2.5, no-store with an argument", "Cache-Control: no-store=1", nothing, forbids},
	{"5.2.2.3, no-store, though it is understood", "Cache-Control: must-understand, no-store", nothing, forbids},
	{"5.2.2.7, private", "Cache-Control: private, max-age=60", 60 * second, forbids},
	{"5.2.2.7, private for some fields", `Cache-Control: private="X-User", max-age=60`, 60 * second, forbids},
	{"5.2.2.7, private with a broken argument", `Cache-Control: private="X-User, max-age=60`, 60 * second, forbids},
	{"5.2.2.8, proxy-revalidate", "Cache-Control: proxy-revalidate, max-age=60", 60 * second, false},
	{"5.2.2.9, public", "Cache-Control: public, max-age=60", 60 * second, false},

	{"5.3, the past", "Expires: Sun, 06 Nov 1994 08:49:36 GMT" + date, stale, false},
	{"5.3, now", "Expires: Sun, 06 Nov 1994 08:49:37 GMT" + date, stale, false},
	{"5.3, 0 is the past", "Expires: 0" + date, stale, false},
	{"5.3, an unreadable date is the past", "Expires: tomorrow" + date, stale, false},
	{"5.3, nothing is an unreadable date", "Expires:" + date, stale, false},
	{"5.3, without a date", "Expires: Sun, 06 Nov 1994 10:00:10 GMT", 10 * second, false},
	{"5.3, with an unreadable date", "Expires: Sun, 06 Nov 1994 10:00:10 GMT\nDate: today", 10 * second, false},
	{"9110, 5.6.7, the other forms of dates", "Expires: Sunday, 06-Nov-94 09:49:37 GMT\nDate: Sun Nov  6 08:49:37 1994", time.Hour, false},
	{"5.4, Pragma means nothing", "Pragma: no-cache\nCache-Control: max-age=60", 60 * second, false},
}

const waiting = 3 * time.Second

// now is the clock here, which is not that of the source.
var now = time.Date(1994, time.November, 6, 10, 0, 0, 0, time.UTC)

func TestAResponseIsFreshAsLongAsRFC9111Has(t *testing.T) {
	for _, c := range freshnessOf {
		ttl, noStore := freshness(headerOf(c.header), waiting, now)
		assert.Equal(t, c.ttl, ttl, "%s: %s", c.section, c.header)
		assert.Equal(t, c.noStore, noStore, "%s: %s", c.section, c.header)
	}
}

func FuzzFreshness(f *testing.F) {
	for _, c := range freshnessOf {
		h := headerOf(c.header)
		f.Add(strings.Join(h["Cache-Control"], "\n"), h.Get("Expires"), h.Get("Date"), h.Get("Age"))
	}
	f.Fuzz(func(t *testing.T, cacheControl, expires, date, age string) {
		h := http.Header{"Cache-Control": strings.Split(cacheControl, "\n")}
		for name, value := range map[string]string{"Expires": expires, "Date": date, "Age": age} {
			if value != "" {
				h.Set(name, value)
			}
		}
		without, _ := freshness(h, 0, now)
		ttl, noStore := freshness(h, waiting, now)
		require.LessOrEqual(t, ttl, max(without, nothing), "waiting makes nothing fresher")
		require.GreaterOrEqual(t, ttl, time.Duration(stale))
		lines := h["Cache-Control"]
		for name, also := range map[string]struct{ noStore, noCache bool }{
			"no-store": {noStore: true}, "private": {noStore: true}, `no-cache="X"`: {noCache: true}, "other": {},
		} {
			for _, added := range [][]string{append([]string{name}, lines...), append(lines[:len(lines):len(lines)], name)} {
				h["Cache-Control"] = added
				got, gotNoStore := freshness(h, waiting, now)
				require.Equal(t, noStore || also.noStore, gotNoStore, "%q", added)
				if also.noCache {
					require.EqualValues(t, stale, got, "%q", added)
				} else {
					require.Equal(t, ttl, got, "%q", added)
				}
			}
		}
		h["Cache-Control"] = append([]string{"s-maxage=7"}, lines...)
		if got, _ := freshness(h, 0, now); !strings.Contains(strings.ToLower(cacheControl), "no-cache") && h.Get("Age") == "" {
			require.Equal(t, 7*second, got)
		}
	})
}
