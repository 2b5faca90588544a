package httpapi

import (
	"errors"
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
//	@Param			key				path		string		true	"The key"	minlength(1)	maxlength(512)	extensions(x-example=test)
//	@Param			Cache-Control	header		string		false	"no-cache (reload), max-age=N, min-fresh=N, max-stale[=N], only-if-cached, no-store, stale-if-error=N (RFC 9111, RFC 5861). Each is read by itself; one that cannot be read is ignored. Without a token, a value whose load began at most MLCACHE_RELOAD_INTERVAL ago meets no-cache, max-age, min-fresh and Min-Version"
//	@Param			Prefer			header		string		false	"wait=N: when the load takes longer than N seconds, answer with a stale value if there is one, else 202 (RFC 7240)"
//	@Param			Min-Version		header		integer		false	"A version, as PUT gives it or the source: a copy with a lower one is reloaded once"	minimum(1)
//	@Param			If-None-Match	header		string		false	"Entity tags: 304 when the value still has one of them"
//	@Param			If-Match		header		string		false	"Entity tags: 412 when the value has none of them"
//	@Param			X-Request-Id	header		string		false	"Names this request in logs and answers; letters, digits and -._~"
//	@Success		200				{object}	oracleValue	"The value, in the media type that the source gave. The example is what the simulated Oracle answers."
//	@Success		202				{object}	Loading		"The load takes longer than Prefer would wait. It goes on"
//	@Success		304				"The value still has one of the entity tags"
//	@Failure		400				{object}	Problem				"The key is not valid"
//	@Failure		401				{object}	Problem				"The token is wrong or missing, and MLCACHE_READ_TOKEN or the route of the key wants one"
//	@Header			401				{string}	WWW-Authenticate	"Bearer"
//	@Failure		404				{object}	Problem				"The source has no such key"
//	@Failure		412				{object}	Problem				"The value has none of the entity tags of If-Match"
//	@Failure		502				{object}	Problem				"The source failed, withholds the value, or gave one that is too large"
//	@Failure		503				{object}	Problem				"Overloaded or shutting down"
//	@Failure		504				{object}	Problem				"The source took too long, or nothing is cached that will do and only-if-cached was asked for"
//	@Header			200,304			{string}	ETag				"Strong entity tag of the value"
//	@Header			200,304			{integer}	Age					"Seconds since the value was loaded from the source"
//	@Header			all				{string}	Cache-Control		"no-cache with a value: clients revalidate with the ETag; else no-store"
//	@Header			all				{string}	Cache-Status		"Where the answer came from (RFC 9211): mlcache; hit; ttl=N; detail=l1, l2 or stale, or mlcache; fwd=uri-miss; fwd-status=S; stored; ttl=N; detail=source, with collapsed when another request's load was joined fwd=stale when an expired copy was held and fwd=request when Cache-Control refused a fresh one. Without a value, detail says why"
//	@Header			all				{string}	X-Request-Id		"Names this request: the id that it brought, or a new one"
//	@Header			all				{string}	Preference-Applied	"wait=N, if Prefer said so"
//	@Header			202,503			{integer}	Retry-After			"Seconds after which to try again"
//	@Router			/data/{key} [get]
//	@Router			/data/{key} [head]
func (a *API) data(c *gin.Context) {
	key, ok := a.readable(c)
	if !ok {
		return
	}
	demand, wait := a.demandOf(c.Request.Header)
	if demand.MinVersion == 0 && c.Request.Header["Min-Version"] != nil {
		problem(c, problemMinVersion)
		return
	}
	answer, err := a.parts.Cache.GetWith(a.context(c), key, demand)
	h := c.Writer.Header()
	if wait != "" {
		h["Preference-Applied"] = []string{"wait=" + wait}
	}
	switch {
	case errors.Is(err, domain.ErrStillLoading):
		h["Cache-Status"] = []string{failedStatus(answer, nil, "loading")}
		h["Retry-After"] = []string{"1"}
		noStore(h)
		c.JSON(http.StatusAccepted, Loading{Status: "loading"})
	case err != nil:
		if p, known := problemOf(err); known {
			h["Cache-Status"] = []string{failedStatus(answer, err, p.name())}
		}
		a.fail(c, err)
	case answer.Entry.Missing():
		h["Cache-Status"] = []string{cacheStatus(answer)}
		problem(c, problemNoSuchKey)
	case !a.mayWrite(answer.Entry):
		problem(c, problemAnswers)
	default:
		defer a.answered(answer.Entry)
		writeValue(c, answer.Copy, cacheStatus(answer))
	}
}

// Loading says that there is no answer yet.
type Loading struct {
	Status string `json:"status" example:"loading"`
} //	@name	Loading

// oracleValue is for the API description only.
type oracleValue struct { //nolint:unused // swag reads it
	Key   string `json:"key" example:"test"`
	Value string `json:"value" example:"Data for test from Oracle"`
} //	@name	OracleValue

// writeValue answers with a value, or with 304 when the client has it.
func writeValue(c *gin.Context, v domain.Copy, status string) {
	// All values of the header in one piece of memory: this is the path of each hit.
	values := &[...]string{
		status, v.Entry.ETag(), strconv.FormatInt(int64(v.Age()/time.Second), 10), directiveNoCache,
		mediaType(v.Entry.ContentType()), strconv.Itoa(len(v.Entry.Body())),
	}
	h := c.Writer.Header()
	h["Cache-Status"] = values[0:1:1]
	if given := c.Request.Header["If-Match"]; given != nil && !matches(given, v.Entry.ETag(), true) {
		problem(c, problemNoMatch)
		return
	}
	h["Etag"] = values[1:2:2]
	h["Age"] = values[2:3:3]
	h["Cache-Control"] = values[3:4:4]
	if given := c.Request.Header["If-None-Match"]; given != nil && matches(given, v.Entry.ETag(), false) {
		c.Status(http.StatusNotModified)
		return
	}
	h["Content-Type"] = values[4:5:5]
	h["Content-Length"] = values[5:6:6] // for HEAD, and to spare chunking
	c.Writer.WriteHeader(http.StatusOK)
	// An error here is the client's connection; there is nobody left to tell.
	_, _ = c.Writer.Write(bytesOf(v.Entry.Body()))
}

func mediaType(given string) string {
	if given == "" {
		return "application/octet-stream"
	}
	return given
}

// cacheStatus says where an answer came from, as RFC 9211 has it.
func cacheStatus(a domain.Answer) string {
	s := make([]byte, 0, 96)
	s = append(s, "mlcache"...)
	switch a.Outcome {
	case domain.L1Hit, domain.L2Hit, domain.Stale:
		s = append(s, "; hit"...)
	default:
		s = append(append(s, forwarded(a)...), forwardStatus(statusOf(a))...)
		if a.Stored {
			s = append(s, "; stored"...)
		}
		if a.Outcome == domain.Coalesced {
			s = append(s, "; collapsed"...)
		}
	}
	s = append(s, "; ttl="...)
	s = strconv.AppendInt(s, wholeSeconds(a.Remaining), 10)
	s = append(s, "; detail="...)
	return string(append(s, layerOf(a.Outcome)...))
}

// forwarded says why the layers did not answer.
func forwarded(a domain.Answer) string {
	switch {
	case a.Refused:
		return "; fwd=request"
	case a.Expired:
		return "; fwd=stale"
	}
	return "; fwd=uri-miss"
}

// statusOf returns what the source answered, or 0 when that is not known: another
// instance loaded, and there is no value, or one that the source may just have confirmed.
// Any other value came with 200.
func statusOf(a domain.Answer) int {
	if a.SourceStatus == 0 && !a.Entry.Missing() && a.Entry.Validator() == (domain.Validator{}) {
		return http.StatusOK
	}
	return a.SourceStatus
}

func forwardStatus(status int) string {
	if status == 0 {
		return ""
	}
	return "; fwd-status=" + strconv.Itoa(status)
}

// failedStatus says why there is no answer. A request that may not be answered
// from the source was not forwarded there.
func failedStatus(a domain.Answer, err error, detail string) string {
	if detail == kindNotCached {
		return "mlcache; detail=" + detail
	}
	return "mlcache" + forwarded(a) + forwardStatus(domain.SourceStatus(err)) + "; detail=" + detail
}

// wholeSeconds rounds away from zero, so that ttl and Age add up to the whole
// life and what is stale never shows a ttl of zero.
func wholeSeconds(left time.Duration) int64 {
	if left > 0 {
		return int64(math.Ceil(left.Seconds()))
	}
	return int64(math.Floor(left.Seconds()))
}
