package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// ReadToken is the token that reads keys with a prefix, of which the longest that a
// key has decides.
type ReadToken struct {
	Prefix string
	Token  string // empty: reading needs none
}

// readers are those that may read.
type readers struct {
	closed bool // to some requests
	open   bool // to all requests, for some keys
	tokens []readToken
	writer digest // may read all keys; nothing for no token
}

type readToken struct {
	prefix string
	digest digest // nothing for no token
}

func newReaders(access Access) readers {
	r := readers{writer: digestOf(access.Token)}
	for _, t := range access.ReadTokens {
		r.closed, r.open = r.closed || t.Token != "", r.open || t.Token == ""
		r.tokens = append(r.tokens, readToken{t.Prefix, digestOf(t.Token)})
	}
	slices.SortFunc(r.tokens, func(a, b readToken) int { return len(b.prefix) - len(a.prefix) })
	return r
}

// admit reports whether a request with this token may read the key.
func (r readers) admit(given digest, key domain.Key) bool {
	if given.is(r.writer) {
		return true
	}
	for _, t := range r.tokens {
		if _, ok := key.CutPrefix(t.prefix); ok {
			return t.digest == digest{} || given.is(t.digest)
		}
	}
	return true // there is no such route
}

// admitSome reports whether a request with this token may read any keys at all.
func (r readers) admitSome(given digest) bool {
	return !r.closed || r.open || given.is(r.writer) ||
		slices.ContainsFunc(r.tokens, func(t readToken) bool { return given.is(t.digest) })
}

// readable returns the key of a request that may read it; any other is answered.
func (a *API) readable(c *gin.Context) (key domain.Key, ok bool) {
	key, err := a.key(c)
	switch {
	case err != nil:
		a.fail(c, err)
		return key, false
	case a.readers.closed && !a.readers.admit(bearer(c.Request.Header), key):
		unauthorized(c)
		return key, false
	}
	return key, true
}

// unauthorized answers a request that has not the token that it needs.
func unauthorized(c *gin.Context) {
	c.Header("WWW-Authenticate", "Bearer")
	problem(c, problemWrongToken)
}

// errToken is that a request may not read a key of a batch.
var errToken = errors.New("the token is wrong or missing")

// digest is that of a token, or nothing. Digests are compared, so that the time does
// not depend on how much of a token is right, nor on how long it is.
type digest [sha256.Size]byte

func digestOf(token string) digest {
	if token == "" {
		return digest{}
	}
	return sha256.Sum256([]byte(token))
}

// is reports whether two digests are those of one token.
func (d digest) is(other digest) bool {
	return d != digest{} && subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// bearer returns the digest of the token that a request has.
func bearer(h http.Header) digest {
	given := h["Authorization"]
	if len(given) != 1 {
		return digest{}
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return digest{}
	}
	return digestOf(strings.TrimLeft(token, " "))
}
