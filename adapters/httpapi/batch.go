package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	maxBatchKeys = 1000
	// maxBatchBytes has room for so many of the longest keys, spelled as JSON likes.
	maxBatchBytes = 4 << 20
)

// Batch asks for many keys at once.
type Batch struct {
	Keys []string `json:"keys" binding:"required" maxItems:"1000" example:"test,other"`
} //	@name	Batch

// Batched has one answer for each key of a Batch, in their order.
type Batched struct {
	Answers []KeyAnswer `json:"answers"`
} //	@name	Batched

// KeyAnswer is the answer for one key: what a GET of it would say.
type KeyAnswer struct {
	Key         string          `json:"key" example:"test"`
	Status      int             `json:"status" example:"200"`                                               // what the HTTP status would be
	Layer       string          `json:"layer,omitempty" enums:"l1,l2,source,stale" example:"source"`        // where the answer came from
	Collapsed   bool            `json:"collapsed,omitempty" example:"false"`                                // whether another request began the load
	Age         *int64          `json:"age,omitempty" example:"0"`                                          // seconds since the value was loaded
	TTL         *int64          `json:"ttl,omitempty" example:"30"`                                         // seconds until its life ends; below 0: since then
	ETag        string          `json:"etag,omitempty" example:"\"2FTkqOyGLjj4yCbo3MCZFg\""`                // of the value
	ContentType string          `json:"content_type,omitempty" example:"application/json"`                  // of the value
	Value       json.RawMessage `json:"value,omitempty" swaggertype:"object"`                               // the value, if it is JSON
	Base64      *[]byte         `json:"base64,omitempty" swaggertype:"string" format:"byte" example:"AAEC"` // the value, if it is not
	Problem     *Problem        `json:"problem,omitempty"`                                                  // why there is none
} //	@name	KeyAnswer

// batch answers with the values of many keys.
//
//	@Summary		Read many keys
//	@Description	Answers for each key as a GET would, up to 1,000 of them, in their order. The shared layer is asked for a hundred in a round trip, and loads are shared with all other requests. A key that fails does not fail the others: look at the status of each.
//	@Tags			data
//	@Accept			json
//	@Produce		json
//	@Param			batch	body		Batch			true	"The keys"
//	@Success		200		{object}	Batched			"An answer for each key"
//	@Failure		400		{object}	Problem			"The body is not a batch"
//	@Failure		413		{object}	Problem			"The batch has too many keys or bytes"
//	@Failure		415		{object}	Problem			"The body is not application/json"
//	@Header			all		{string}	X-Request-Id	"Names this request"
//	@Header			all		{string}	Cache-Control	"no-store, with a problem"
//	@Router			/batch [post]
func (a *API) batch(c *gin.Context) {
	b, p, ok := readBatch(c)
	if !ok {
		problem(c, p)
		return
	}
	results := a.getMany(c, b.Keys)
	if c.Request.Context().Err() != nil {
		c.Status(clientClosed)
		return
	}
	h := c.Writer.Header()
	h["Content-Type"] = []string{"application/json; charset=utf-8"}
	noStore(h)
	// One by one, since the values may be many and large. An error is the client's
	// connection.
	w := json.NewEncoder(c.Writer)
	w.SetEscapeHTML(false)
	io.WriteString(c.Writer, `{"answers":[`)
	for i, r := range results {
		if i > 0 {
			io.WriteString(c.Writer, ",")
		}
		answer := a.keyAnswer(c, r)
		answer.Key = b.Keys[i]
		if w.Encode(answer) != nil {
			return
		}
	}
	io.WriteString(c.Writer, "]}\n")
}

// getMany returns a result for each name, also for those that are no keys.
func (a *API) getMany(c *gin.Context, names []string) []domain.Result {
	results := make([]domain.Result, len(names))
	keys := make([]domain.Key, 0, len(names))
	places := make([]int, 0, len(names))
	for i, name := range names {
		key, err := a.parseKey(name)
		if err != nil {
			results[i].Err = err
			continue
		}
		keys, places = append(keys, key), append(places, i)
	}
	for n, r := range a.parts.Cache.GetMany(a.context(c), keys) {
		results[places[n]] = r
	}
	return results
}

// readBatch returns the batch of a request, or what is wrong with it.
func readBatch(c *gin.Context) (b Batch, p Problem, ok bool) {
	if given := c.GetHeader("Content-Type"); given != "" {
		if media, _, err := mime.ParseMediaType(given); err != nil || media != "application/json" {
			return b, problemMediaType, false
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBatchBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return b, problemBatchLarge, false
	case err != nil:
		return b, problemBody, false
	case !utf8.Valid(body) || json.Unmarshal(body, &b) != nil || b.Keys == nil || misspelt(b.Keys, body):
		return b, problemBatch, false
	case len(b.Keys) > maxBatchKeys:
		p = problemBatchLarge
		p.Detail = fmt.Sprintf("It has %d keys, at most %d are allowed.", len(b.Keys), maxBatchKeys)
		return b, p, false
	}
	return b, p, true
}

// replaced are the ways to spell U+FFFD in JSON.
var replaced = regexp.MustCompile(`(?i)\x{FFFD}|\\ufffd`)

// misspelt reports whether a key is not what the body says: the decoder puts
// U+FFFD in the place of halves of surrogate pairs.
func misspelt(keys []string, body []byte) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return strings.ContainsRune(key, utf8.RuneError) }) && !replaced.Match(body)
}

// keyAnswer tells what came of one key.
func (a *API) keyAnswer(c *gin.Context, r domain.Result) KeyAnswer {
	if r.Err != nil {
		p, known := problemOf(r.Err)
		if !known {
			a.parts.Logger.ErrorContext(a.context(c), "a key of a batch failed for an unknown reason", "err", r.Err)
		}
		p.Instance = requestID(c)
		return KeyAnswer{Status: p.Status, Problem: &p}
	}
	age, ttl := int64(r.Age()/time.Second), wholeSeconds(r.Left)
	answer := KeyAnswer{
		Status: http.StatusOK, Layer: layerOf(r.Outcome), Collapsed: r.Outcome == domain.Coalesced, Age: &age, TTL: &ttl,
	}
	if r.Entry.Missing() {
		p := problemNoSuchKey
		p.Instance = requestID(c)
		answer.Status, answer.Problem = p.Status, &p
		return answer
	}
	answer.ETag, answer.ContentType = r.Entry.ETag(), mediaType(r.Entry.ContentType())
	body := []byte(r.Entry.Body())
	if isJSON(answer.ContentType) && json.Valid(body) && utf8.Valid(body) {
		answer.Value = body
	} else {
		answer.Base64 = &body
	}
	return answer
}

// layerOf names where an answer came from.
func layerOf(o domain.Outcome) string {
	switch o {
	case domain.L1Hit:
		return "l1"
	case domain.L2Hit:
		return "l2"
	case domain.Stale:
		return "stale"
	default:
		return "source"
	}
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}
