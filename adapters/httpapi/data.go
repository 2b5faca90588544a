package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// data answers with the value of a key.
//
//	@Summary		Read a key
//	@Description	The body is the source's value, byte for byte, whichever layer answers. A key that no layer has is loaded from the source; requests for it that come meanwhile, on whichever instance, wait for the same load.
//	@Description
//	@Description	A key has 1 to 512 bytes after percent-decoding, is valid UTF-8 and has no control characters. It may contain slashes.
//	@Tags			data
//	@Produce		json,octet-stream
//	@Param			key		path		string			true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Success		200		{object}	oracleValue		"The value, in the media type that the source gave. The example is what the simulated Oracle answers."
//	@Header			200		{string}	ETag			"Strong entity tag of the value"
//	@Header			200		{integer}	Age				"Seconds since the value was loaded from the source"
//	@Header			200		{string}	Cache-Control	"Always no-cache: clients revalidate with the ETag"
//	@Header			200,404	{string}	Cache-Status	"Where the answer came from (RFC 9211): mlcache; hit; ttl=N; detail=l1, l2 or stale, or mlcache; fwd=uri-miss; fwd-status=S; stored; ttl=N; detail=source, with collapsed when another request's load was joined"
//	@Failure		400		{object}	Problem			"The key is not valid"
//	@Failure		404		{object}	Problem			"The source has no such key"
//	@Failure		502		{object}	Problem			"The source failed"
//	@Failure		503		{object}	Problem			"Overloaded or shutting down"
//	@Header			503		{integer}	Retry-After		"Seconds after which to try again"
//	@Failure		504		{object}	Problem			"The source took too long"
//	@Router			/data/{key} [get]
//	@Router			/data/{key} [head]
func (a *API) data(c *gin.Context) {
	key, err := domain.ParseKey(c.Param("key")[1:]) // a wildcard's value begins with its slash
	if err != nil {
		a.fail(c, err)
		return
	}
	answer, err := a.parts.Cache.Get(c.Request.Context(), key)
	if err != nil {
		a.fail(c, err)
		return
	}
	h := c.Writer.Header()
	status := http.StatusOK
	if answer.Entry.Missing() {
		status = http.StatusNotFound
	}
	h["Cache-Status"] = []string{cacheStatus(answer, status)}
	if status == http.StatusNotFound {
		problem(c, problemNoSuchKey)
		return
	}
	writeValue(c, answer.Copy)
}

// oracleValue is for the API description only.
type oracleValue struct { //nolint:unused // swag reads it
	Key   string `json:"key" example:"test"`
	Value string `json:"value" example:"Data for test from Oracle"`
} //	@name	OracleValue

func writeValue(c *gin.Context, v domain.Copy) {
	h := c.Writer.Header()
	h["Content-Type"] = []string{mediaType(v.Entry.ContentType())}
	h["Content-Length"] = []string{strconv.Itoa(len(v.Entry.Body()))} // for HEAD, and to spare chunking
	h["Etag"] = []string{v.Entry.ETag()}
	h["Age"] = []string{strconv.FormatInt(int64(v.Age()/time.Second), 10)}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	c.Writer.WriteHeader(http.StatusOK)
	// An error here is the client's connection; there is nobody left to tell.
	_, _ = c.Writer.WriteString(v.Entry.Body())
}

func mediaType(given string) string {
	if given == "" {
		return "application/octet-stream"
	}
	return given
}

// cacheStatus says where an answer came from, as RFC 9211 has it.
func cacheStatus(a domain.Answer, status int) string {
	s := make([]byte, 0, 96)
	s = append(s, "mlcache"...)
	detail := "source"
	switch a.Outcome {
	case domain.L1Hit:
		s, detail = append(s, "; hit"...), "l1"
	case domain.L2Hit:
		s, detail = append(s, "; hit"...), "l2"
	case domain.Stale:
		s, detail = append(s, "; hit"...), "stale"
	default:
		s = append(s, "; fwd=uri-miss; fwd-status="...)
		s = strconv.AppendInt(s, int64(status), 10)
		if a.Stored {
			s = append(s, "; stored"...)
		}
		if a.Outcome == domain.Coalesced {
			s = append(s, "; collapsed"...)
		}
	}
	s = append(s, "; ttl="...)
	s = strconv.AppendInt(s, wholeSeconds(a.Left), 10)
	s = append(s, "; detail="...)
	return string(append(s, detail...))
}

// wholeSeconds rounds away from zero, so that ttl and Age add up to the whole
// life and what is stale never shows a ttl of zero.
func wholeSeconds(left time.Duration) int64 {
	if left > 0 {
		return int64(math.Ceil(left.Seconds()))
	}
	return int64(math.Floor(left.Seconds()))
}
