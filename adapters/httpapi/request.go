package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

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
	return ids.next()
}

// next returns an id that no other request has.
func (ids requestIDs) next() string {
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

// context returns that of the request, with its id.
func (*API) context(c *gin.Context) context.Context {
	return identified{c.Request.Context(), requestID(c)}
}

func requestID(c *gin.Context) string {
	if id := c.Writer.Header()[requestIDHeader]; len(id) == 1 {
		return id[0]
	}
	return ""
}

// key returns the key that the path of the request names.
func (a *API) key(c *gin.Context) (domain.Key, error) {
	return a.parseKey(c.Param("key")[1:]) // a wildcard's value begins with its slash
}

// parseKey refuses keys of which the source cannot be asked, before any layer is.
func (a *API) parseKey(name string) (domain.Key, error) {
	key, err := domain.ParseKey(name)
	if err == nil && a.parts.KeyCheck != nil {
		err = a.parts.KeyCheck(key)
	}
	return key, err
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
