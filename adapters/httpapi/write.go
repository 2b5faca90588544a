package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/pquerna/cachecontrol/cacheobject"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Access says who may write.
type Access struct {
	Token         string // of those who may; empty: nobody
	MaxValueBytes int64  // of a value that is written
}

// put stores the body as the value of a key.
//
//	@Summary		Write a key
//	@Description	Makes the body the value in every layer, with a new life. Once it has answered, this instance has forgotten the old value, and so have the others as soon as they were told. The source is not written to.
//	@Tags			data
//	@Accept			json,octet-stream
//	@Param			key				path	string		true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Param			Cache-Control	header	string		false	"max-age=N: the life of the value in seconds, a year at most, instead of that of all values"
//	@Param			value			body	oracleValue	true	"The value, in the media type that Content-Type says"
//	@Success		204				"It is stored"
//	@Failure		400				{object}	Problem				"The key is not valid, or the body broke off"
//	@Failure		401				{object}	Problem				"The token is wrong or missing"
//	@Header			401				{string}	WWW-Authenticate	"Bearer"
//	@Failure		403				{object}	Problem				"Writing is not enabled"
//	@Failure		408				{object}	Problem				"The body did not arrive in time"
//	@Failure		413				{object}	Problem				"The value is too large"
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
	body, p, ok := a.receive(c, a.access.MaxValueBytes, problemTooLarge)
	defer body.release()
	if !ok {
		problem(c, p)
		return
	}
	v := domain.Value{Body: string(body.bytes), ContentType: c.GetHeader("Content-Type")}
	a.written(c, a.parts.Cache.Put(a.context(c), key, v, writtenLife(c.Request.Header)))
}

// writtenLife returns the life that Cache-Control gives the value, or -1.
func writtenLife(h http.Header) time.Duration {
	given, err := cacheobject.ParseResponseCacheControl(strings.Join(h["Cache-Control"], ","))
	if err != nil || given.MaxAge < 0 {
		return -1
	}
	return seconds(given.MaxAge)
}

// remove deletes a key.
//
//	@Summary		Delete a key
//	@Description	Removes the value from every layer, and voids what is being loaded. Once it has answered, this instance has forgotten the value, and so have the others as soon as they were told. The next request loads from the source.
//	@Tags			data
//	@Param			key	path	string	true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Success		204	"It is gone, or was not there"
//	@Failure		400	{object}	Problem				"The key is not valid"
//	@Failure		401	{object}	Problem				"The token is wrong or missing"
//	@Header			401	{string}	WWW-Authenticate	"Bearer"
//	@Failure		403	{object}	Problem				"Writing is not enabled"
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

// writable returns the key of a request that may write it; any other is answered.
func (a *API) writable(c *gin.Context) (key domain.Key, ok bool) {
	switch {
	case a.access.Token == "":
		problem(c, problemNoToken)
		return key, false
	case !a.access.admits(c.GetHeader("Authorization")):
		c.Header("WWW-Authenticate", "Bearer")
		problem(c, problemWrongToken)
		return key, false
	}
	key, err := domain.ParseKey(c.Param("key")[1:])
	if err != nil {
		a.fail(c, err)
	}
	return key, err == nil
}

// admits compares in a time that does not depend on how much of the token is
// right, nor on how long it is.
func (a Access) admits(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	given, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.Token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

func (a *API) written(c *gin.Context, err error) {
	if err != nil {
		a.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
