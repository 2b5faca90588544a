package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Problem is the body of every error (RFC 9457). It never carries internal text.
type Problem struct {
	Type   string `json:"type" example:"urn:mlcache:source-failed"` // names the kind of problem, for programs
	Title  string `json:"title" example:"The source failed"`        // names the kind of problem, for people
	Status int    `json:"status" example:"502"`                     // the HTTP status
	Detail string `json:"detail,omitempty" example:"Try again later."`

	Instance string `json:"instance" example:"k3xq7a2mfd-1f"` // the id of the request
} //	@name	Problem

const (
	problemPrefix = "urn:mlcache:"
	problemMedia  = "application/problem+json"
	kindNotCached = "not-cached"
)

func kind(name string, status int, title, detail string) Problem {
	return Problem{Type: problemPrefix + name, Title: title, Status: status, Detail: detail}
}

var (
	problemNoRoute     = kind("no-route", http.StatusNotFound, "There is nothing at this path", "See /docs for what there is.")
	problemNoMethod    = kind("no-method", http.StatusMethodNotAllowed, "This path does not take that method", "The Allow header names those it takes.")
	problemInvalidKey  = kind("invalid-key", http.StatusBadRequest, "The key is not valid", "")
	problemNoSuchKey   = kind("no-such-key", http.StatusNotFound, "The source has no such key", "")
	problemNoSource    = kind("no-route", http.StatusNotFound, "No route has the key", "MLCACHE_ROUTES says which keys there are.")
	problemSource      = kind("source-failed", http.StatusBadGateway, "The source failed", "Try again later.")
	problemWithdrawn   = kind("withdrawn", http.StatusBadGateway, "The source withholds the value", "It answered that the value must not be given out.")
	problemSourceSize  = kind("source-value-too-large", http.StatusBadGateway, "The source's value is too large", "It is larger than MLCACHE_MAX_VALUE_BYTES.")
	problemTimeout     = kind("took-too-long", http.StatusGatewayTimeout, "The source took too long", "Try again later.")
	problemOverloaded  = kind("overloaded", http.StatusServiceUnavailable, "Too many loads are in flight", "Try again after the time in Retry-After.")
	problemClosed      = kind("shutting-down", http.StatusServiceUnavailable, "This instance is shutting down", "Try again; another one may answer.")
	problemNotReady    = kind("not-ready", http.StatusServiceUnavailable, "This instance is starting or shutting down", "")
	problemWarming     = kind("warming", http.StatusServiceUnavailable, "This instance fills its memory", "It will be ready after MLCACHE_WARM_TIMEOUT at the latest.")
	problemNoToken     = kind("writing-disabled", http.StatusForbidden, "Writing is not enabled", "Start the service with MLCACHE_TOKEN, and send that as a bearer token.")
	problemWrongToken  = kind("wrong-token", http.StatusUnauthorized, "The token is wrong or missing", "Send the header Authorization: Bearer <token>.")
	problemTooLarge    = kind("value-too-large", http.StatusRequestEntityTooLarge, "The value is too large", "")
	problemBody        = kind("body-broke-off", http.StatusBadRequest, "The body could not be read", "")
	problemBodySlow    = kind("body-too-slow", http.StatusRequestTimeout, "The body did not arrive in time", "")
	problemBodies      = kind("overloaded", http.StatusServiceUnavailable, "Too many bodies of requests are in memory", "Try again after the time in Retry-After.")
	problemL2          = kind("not-written-everywhere", http.StatusServiceUnavailable, "The shared layer did not take the write", "The write may or may not have been applied. Try again after the time in Retry-After.")
	problemNotCached   = kind(kindNotCached, http.StatusGatewayTimeout, "Nothing is cached that will do", "The request has only-if-cached.")
	problemHeader      = kind("header-too-large", http.StatusRequestHeaderFieldsTooLarge, "The header of the request is too large", "")
	problemHost        = kind("unknown-host", http.StatusMisdirectedRequest, "This service does not answer for that host", "The Host header must be one of those that MLCACHE_ALLOWED_HOSTS names.")
	problemMediaType   = kind("media-type", http.StatusUnsupportedMediaType, "The body must be application/json", "")
	problemBatch       = kind("invalid-batch", http.StatusBadRequest, "The body is not a batch", `It must be {"keys":["a","b"]}.`)
	problemBatchLarge  = kind("batch-too-large", http.StatusRequestEntityTooLarge, "The batch is too large", "")
	problemAnswer      = kind("answer-too-large", http.StatusRequestEntityTooLarge, "The answer to the batch has no room for this value", "Ask for it in another batch, or alone.")
	problemAnswers     = kind("overloaded", http.StatusServiceUnavailable, "Too many values are being sent", "Try again after the time in Retry-After.")
	problemNoMatch     = kind("precondition-failed", http.StatusPreconditionFailed, "The value has none of the entity tags", "The request has If-Match.")
	problemCondition   = kind("condition-unsupported", http.StatusNotImplemented, "Writes cannot be conditional", "Send the request without If-Match, If-None-Match and If-Unmodified-Since.")
	problemRange       = kind("partial-value", http.StatusBadRequest, "A part of a value cannot be written", "Send the whole value, without Content-Range.")
	problemTags        = kind("invalid-tags", http.StatusBadRequest, "Surrogate-Key is not a list of tags", "")
	problemVersion     = kind("invalid-version", http.StatusBadRequest, "Version is not a version", "It must be a whole number from 1 to 18446744073709551615.")
	problemOutdated    = kind("outdated-version", http.StatusConflict, "A higher version of the key is known", "Nothing was changed.")
	problemPurge       = kind("invalid-purge", http.StatusBadRequest, "The body is not a purge", `It must have keys, tags or all: {"tags":["brand:9"],"soft":true}.`)
	problemEvents      = kind("invalid-events", http.StatusBadRequest, "The body has no change events", "")
	problemPurgeLarge  = kind("purge-too-large", http.StatusRequestEntityTooLarge, "The purge is too large", "")
	problemMinVersion  = kind("invalid-version", http.StatusBadRequest, "Min-Version is not a version", "It must be a whole number from 1 to 18446744073709551615.")
	problemCoding      = kind("content-coding", http.StatusUnsupportedMediaType, "The body has a content coding", "Send the value as it is, without Content-Encoding.")
	problemValueType   = kind("media-type", http.StatusUnsupportedMediaType, "Content-Type is not a media type", "It must be type/subtype, with parameters or not: text/plain; charset=utf-8.")
	problemForm        = kind("media-type", http.StatusUnsupportedMediaType, "A form is not a value", "Say what the body is: curl -H 'Content-Type: text/plain' --data-binary @file, for example. Without a Content-Type of its own, curl -d sends a form.")
	problemCount       = kind("invalid-count", http.StatusBadRequest, "n is not a count", "It must be a whole number from 1 to 1000.")
	problemFormat      = kind("unknown-format", http.StatusBadRequest, "There is no such format", "It must be json or prometheus.")
	problemMalformed   = kind("malformed-request", http.StatusBadRequest, "The request is not valid HTTP", "In a path, a percent sign is written %25.")
	problemStreams     = kind("overloaded", http.StatusServiceUnavailable, "Too many pages are listening", "Try again after the time in Retry-After.")
	problemConnections = kind("overloaded", http.StatusServiceUnavailable, "Too many connections are open", "Try again after the time in Retry-After.")
	problemWorker      = kind("service-worker", http.StatusForbidden, "Nothing here is a service worker", "")
	problemPlain       = kind("tls-required", http.StatusBadRequest, "This port takes TLS only", "Ask by https:// instead of http://.")
	problemInternal    = kind("internal", http.StatusInternalServerError, "Something went wrong here", "")
)

// problems is the one place where errors become statuses. The first that
// matches counts.
var problems = []struct {
	err error
	is  Problem
}{
	{errToken, problemWrongToken},
	{domain.ErrL2Unavailable, problemL2}, // before what it may wrap
	{domain.ErrNoRoute, problemNoSource},
	{domain.ErrNotCached, problemNotCached},
	{domain.ErrTimeout, problemTimeout},
	{domain.ErrWithdrawn, problemWithdrawn},
	{domain.ErrSourceTooLarge, problemSourceSize}, // before what it wraps
	{domain.ErrSourceFailed, problemSource},
	{domain.ErrTooLarge, problemTooLarge},
	{domain.ErrOutdated, problemOutdated},
	{domain.ErrAnswerTooLarge, problemAnswer},
	{domain.ErrOverloaded, problemOverloaded},
	{domain.ErrClosed, problemClosed},
}

// clientClosed is what nginx calls a request whose client left. Nobody reads
// it but the log.
const clientClosed = 499

// problemOf returns the problem that err is, and false if it is none that is known.
func problemOf(err error) (Problem, bool) {
	if errors.Is(err, domain.ErrInvalidKey) {
		p := problemInvalidKey
		_, p.Detail, _ = strings.Cut(err.Error(), ": ")
		return p, true
	}
	for _, candidate := range problems {
		if errors.Is(err, candidate.err) {
			return candidate.is, true
		}
	}
	return problemInternal, false
}

// name returns what comes after the prefix of the type.
func (p Problem) name() string { return strings.TrimPrefix(p.Type, problemPrefix) }

// fail answers with the problem that err is.
func (a *API) fail(c *gin.Context, err error) {
	p, known := problemOf(err)
	if !known && errors.Is(err, context.Canceled) {
		c.Status(clientClosed)
		return
	}
	if !known {
		a.parts.Logger.ErrorContext(a.context(c), "request failed for an unknown reason", "path", c.Request.URL.Path, "err", err)
	}
	problem(c, p)
}

// problem ends the request with p.
func problem(c *gin.Context, p Problem) {
	c.Abort()
	h := c.Writer.Header()
	if p.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{"1"}
	}
	noStore(h)
	p.Instance = requestID(c)
	body, _ := json.Marshal(p) // strings and a number always can be
	c.Data(p.Status, problemMedia, body)
}

// noStore keeps other caches from an answer that is for this moment.
func noStore(h http.Header) { h["Cache-Control"] = []string{directiveNoStore} }

// revalidated lets caches keep the answer, to be used when this service confirms it.
func revalidated(h http.Header) { h["Cache-Control"] = []string{directiveNoCache} }
