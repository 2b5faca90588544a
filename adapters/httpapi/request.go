package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/pquerna/cachecontrol/cacheobject"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 128
	// maxHeader bounds what a request may say before its body, in bytes.
	maxHeader = 16 << 10
	// MaxHeaderBytes is the limit for net/http, which answers without a problem.
	MaxHeaderBytes = 2 * maxHeader
)

// requestIDs names requests.
type requestIDs struct {
	prefix string // names this process
	last   *atomic.Uint64
}

func newRequestIDs() requestIDs {
	return requestIDs{strings.ToLower(rand.Text()[:10]) + "-", new(atomic.Uint64)}
}

// of returns the id that the request brings, or a new one. An id from outside
// goes into logs and into a URI, so it must be made of what needs no quoting.
func (ids requestIDs) of(r *http.Request) string {
	if given := r.Header[requestIDHeader]; len(given) == 1 && plain(given[0]) {
		return strings.Clone(given[0]) // a load may keep it for longer than the request
	}
	id := make([]byte, 0, 32)
	id = append(id, ids.prefix...)
	return string(strconv.AppendUint(id, ids.last.Add(1), 36))
}

// plain reports whether s has unreserved characters only (RFC 3986, section 2.3).
func plain(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '.', b == '_', b == '~':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxRequestID
}

type requestIDKey struct{}

// identified is the context of a request, with its id.
type identified struct {
	context.Context
	id string
}

func (c identified) Value(key any) any {
	if key == (requestIDKey{}) {
		return c.id
	}
	return c.Context.Value(key)
}

// RequestID returns the id of the request that ctx is of, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// context returns that of the request, with its id. It does not end when the client
// closes its side of the connection if it said that it would send no more: net/http
// takes a connection that is half closed for one that is gone.
func (*API) context(c *gin.Context) context.Context {
	ctx := c.Request.Context()
	if c.Request.Close {
		ctx = context.WithoutCancel(ctx)
	}
	return identified{ctx, requestID(c)}
}

func requestID(c *gin.Context) string {
	if id := c.Writer.Header()[requestIDHeader]; len(id) == 1 {
		return id[0]
	}
	return ""
}

func tooLarge(r *http.Request) bool {
	size := len(r.Method) + len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	return size > maxHeader
}

// demandOf reads what the request asks of its answer. Directives that cannot be
// read are as if they were not there. wait is what Prefer said, "" for nothing.
func demandOf(h http.Header) (d domain.Demand, wait string) {
	if given := h["Cache-Control"]; given != nil {
		d = cacheControl(strings.Join(given, ","))
	}
	if given := h["Prefer"]; given != nil {
		wait, d.Wait = preferredWait(strings.Join(given, ","))
	}
	return d, wait
}

var noStaleIfError = regexp.MustCompile(`(?i)(^|,)\s*stale-if-error\s*=\s*"?0+"?\s*(,|$)`)

func cacheControl(given string) (d domain.Demand) {
	c, err := cacheobject.ParseRequestCacheControl(given)
	if err != nil {
		return d
	}
	d = domain.Demand{
		// What is 0 seconds old was loaded for this request.
		NoCache: c.NoCache || c.MaxAge == 0, NoStore: c.NoStore, OnlyIfCached: c.OnlyIfCached,
		MaxAge: seconds(c.MaxAge), MinFresh: seconds(c.MinFresh), MaxStale: seconds(c.MaxStale),
		StaleIfError: seconds(c.StaleIfError),
	}
	if c.MaxStaleSet && c.MaxStale < 0 {
		d.MaxStale = 1<<63 - 1 // however stale
	}
	if c.StaleIfError == 0 && noStaleIfError.MatchString(given) {
		d.StaleIfError = -1 // the parser does not tell 0 from nothing
	}
	return d
}

// seconds is 0 for what was not said.
func seconds(n cacheobject.DeltaSeconds) time.Duration {
	return max(0, time.Duration(n)) * time.Second
}

// preferredWait reads the preference to wait (RFC 7240, section 4.3), of which
// the first counts.
func preferredWait(given string) (string, time.Duration) {
	for preference := range strings.SplitSeq(given, ",") {
		preference, _, _ = strings.Cut(preference, ";") // parameters mean nothing here
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			return "", 0
		}
		return strconv.FormatUint(n, 10), max(time.Nanosecond, time.Duration(n)*time.Second)
	}
	return "", 0
}

// matches reports whether the entity tag is among those of an If-None-Match,
// by weak comparison (RFC 9110, section 13.1.2).
func matches(given []string, etag string) bool {
	for _, line := range given {
		if strings.TrimSpace(line) == "*" {
			return true
		}
		for {
			// No tag of ours contains a comma or a quote, so other people's need
			// not be taken apart with care.
			tag, rest, more := strings.Cut(line, ",")
			if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag {
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
