package httpapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

// Access says what requests may do, and by which names the service is asked.
type Access struct {
	Token         string   // of those that may write, and read; empty: none
	MaxValueBytes int64    // of a value that is written
	Hosts         []string // that the Host header may be, each with a port or for all ports; empty: any
	// ReloadInterval is how often requests without the token may force a load of
	// a key.
	ReloadInterval time.Duration
	ReadTokens     []ReadToken // that reading needs; none: it needs no token
	AdminApart     bool        // what is for those that run the service is served by Admin alone
}

// put stores the body as the value of a key.
//
//	@Summary		Write a key
//	@Description	Stores the body in every layer, with a new TTL. After 204 this instance serves the old value no more, nor do the others once they have received the invalidation. The source is not written to.
//	@Tags			data
//	@Accept			json,octet-stream
//	@Param			key				path	string		true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Param			Cache-Control	header	string		false	"max-age=N: the TTL of the value in seconds, a year at most, instead of that of all values; no-store: 0"
//	@Param			Content-Type	header	string		false	"Media type of the value; without it the value is application/octet-stream. Forms are refused"
//	@Param			Surrogate-Key	header	string		false	"Tags of the value, separated by spaces: 64 at most, of 128 bytes at most"
//	@Param			Version			header	integer		false	"Version of the value, which grows with each change of what the key names"	minimum(1)
//	@Param			value			body	oracleValue	true	"The value, in the media type that Content-Type says"
//	@Success		204				"It is stored"
//	@Failure		400				{object}	Problem				"The key is not valid, the body broke off, it is a part of a value (Content-Range), or Surrogate-Key or Version is not valid"
//	@Failure		401				{object}	Problem				"The token is wrong or missing"
//	@Header			401				{string}	WWW-Authenticate	"Bearer"
//	@Failure		403				{object}	Problem				"Writing is not enabled"
//	@Failure		408				{object}	Problem				"The body did not arrive in time"
//	@Failure		409				{object}	Problem				"A higher Version is known of the key"
//	@Failure		413				{object}	Problem				"The value is too large"
//	@Failure		415				{object}	Problem				"The body has a content coding, is a form, or Content-Type is no media type"
//	@Header			415				{string}	Accept-Encoding		"identity, when it is the coding"
//	@Failure		501				{object}	Problem				"If-Match, If-None-Match and If-Unmodified-Since are not supported"
//	@Failure		503				{object}	Problem				"The shared layer did not answer: the value may be stored or not"
//	@Header			503				{integer}	Retry-After			"Seconds after which to try again"
//	@Security		Token
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store, with a problem"
//	@Router			/data/{key} [put]
func (a *API) put(c *gin.Context) {
	key, ok := a.writable(c)
	if !ok {
		return
	}
	if p, ok := storable(c.Request.Header); !ok {
		if p.Type == problemCoding.Type {
			c.Header("Accept-Encoding", "identity")
		}
		problem(c, p)
		return
	}
	v, p, ok := described(c.Request.Header)
	if !ok {
		problem(c, p)
		return
	}
	body, p, ok := a.receive(c, a.access.MaxValueBytes, problemTooLarge)
	defer body.release()
	if !ok {
		problem(c, p)
		return
	}
	v.Body = string(body.bytes)
	a.written(c, a.parts.Cache.Put(a.context(c), key, v, writtenTTL(c.Request.Header)))
}

// storable reports whether a body with such a header can be stored as a value, and
// why not.
func storable(h http.Header) (p Problem, ok bool) {
	if h["Content-Range"] != nil {
		return problemRange, false
	}
	for coding := range field.Members(h["Content-Encoding"]) {
		if !strings.EqualFold(coding, "identity") {
			return problemCoding, false
		}
	}
	given := strings.Join(h["Content-Type"], ", ")
	if given == "" {
		return p, true // served as application/octet-stream
	}
	media, _, err := mime.ParseMediaType(given)
	kind, subtype, _ := strings.Cut(media, "/")
	switch {
	case err != nil || !field.IsToken(kind) || !field.IsToken(subtype):
		return problemValueType, false
	case media == "application/x-www-form-urlencoded" || media == "multipart/form-data":
		return problemForm, false
	}
	return p, true
}

// described returns what the header of a write says of the value, and what is wrong
// with it if it cannot be read.
func described(h http.Header) (v domain.Value, p Problem, ok bool) {
	v.ContentType = h.Get("Content-Type")
	var err error
	if v.Tags, err = domain.ParseTags(field.Words(h["Surrogate-Key"])); err != nil {
		p = problemTags
		_, p.Detail, _ = strings.Cut(err.Error(), ": ")
		return v, p, false
	}
	if given := h["Version"]; given != nil {
		v.Version, err = strconv.ParseUint(strings.Join(given, ","), 10, 64)
		if err != nil || v.Version == 0 {
			return v, problemVersion, false
		}
	}
	return v, p, true
}

// writtenTTL returns the TTL that Cache-Control gives the value, 0 for no-store, or
// -1 if it says nothing.
func writtenTTL(h http.Header) time.Duration {
	ttl := time.Duration(-1)
	for member := range field.Members(h["Cache-Control"]) {
		switch name, argument, _, _ := field.Directive(member); name {
		case directiveNoStore:
			return 0
		case "max-age":
			if s, ok := field.DeltaSeconds(argument); ok && ttl < 0 { // the first counts
				ttl = s
			}
		}
	}
	return ttl
}

// remove deletes a key.
//
//	@Summary		Delete a key
//	@Description	Removes the value from every layer, and voids loads in flight. After 204 this instance serves the value no more, nor do the others once they have received the invalidation. The next request loads from the source.
//	@Tags			data
//	@Param			key	path	string	true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Success		204	"It is gone, or was not there"
//	@Failure		400	{object}	Problem				"The key is not valid"
//	@Failure		401	{object}	Problem				"The token is wrong or missing"
//	@Header			401	{string}	WWW-Authenticate	"Bearer"
//	@Failure		403	{object}	Problem				"Writing is not enabled"
//	@Failure		501	{object}	Problem				"If-Match, If-None-Match and If-Unmodified-Since are not supported"
//	@Failure		503	{object}	Problem				"The shared layer did not answer: the value may still be there"
//	@Header			503	{integer}	Retry-After			"Seconds after which to try again"
//	@Security		Token
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store, with a problem"
//	@Router			/data/{key} [delete]
func (a *API) remove(c *gin.Context) {
	if key, ok := a.writable(c); ok {
		a.written(c, a.parts.Cache.Delete(a.context(c), key))
	}
}

// writes lets only requests through that may write.
func (a *API) writes(c *gin.Context) {
	switch {
	case a.access.Token == "":
		problem(c, problemNoToken)
	case !a.trusts(c.Request.Header):
		unauthorized(c)
	}
}

// writable returns the key of a request that may write it; any other is answered.
func (a *API) writable(c *gin.Context) (key domain.Key, ok bool) {
	if a.writes(c); c.IsAborted() {
		return key, false
	}
	key, err := a.key(c)
	switch h := c.Request.Header; {
	case err != nil:
		a.fail(c, err)
		return key, false
	case h["If-Match"] != nil || h["If-None-Match"] != nil || h["If-Unmodified-Since"] != nil:
		problem(c, problemCondition)
		return key, false
	}
	return key, true
}

// trusts reports whether a request has the token of those that may write.
func (a *API) trusts(h http.Header) bool { return bearer(h).is(a.readers.writer) }

func (a *API) written(c *gin.Context, err error) {
	if err != nil {
		a.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
