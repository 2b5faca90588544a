package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	maxBatchKeys = 1000
	// maxBatchBody has room for so many of the longest keys, spelled as JSON likes.
	maxBatchBody = 4 << 20
	// batchBuffer is what is written at once, but for large values.
	batchBuffer = 16 << 10
	// batchedKey is the memory that a key takes while its batch is answered, beside
	// its text and its value.
	batchedKey = 256
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
	TTL         *int64          `json:"ttl,omitempty" example:"30"`                                         // seconds until it expires; below 0: since then
	ETag        string          `json:"etag,omitempty" example:"\"2FTkqOyGLjj4yCbo3MCZFg\""`                // of the value
	ContentType string          `json:"content_type,omitempty" example:"application/json"`                  // of the value
	Value       json.RawMessage `json:"value,omitempty" swaggertype:"object"`                               // the value, if it is JSON
	Base64      *[]byte         `json:"base64,omitempty" swaggertype:"string" format:"byte" example:"AAEC"` // the value, if it is not
	Problem     *Problem        `json:"problem,omitempty"`                                                  // why there is none
} //	@name	KeyAnswer

// batch answers with the values of many keys.
//
//	@Summary		Read many keys
//	@Description	Answers for each key as a GET would, up to 1,000 of them, in their order. The shared layer is asked for a hundred in a round trip, and loads are shared with all other requests. A key that fails does not fail the others: look at the status of each. A key that is given twice is read once. The values of one answer have no more bytes than MLCACHE_MAX_BATCH_BYTES together: keys beyond that get the status 413, and those for which there was no memory or no turn in time 503.
//	@Tags			data
//	@Accept			json
//	@Produce		json
//	@Param			batch	body		Batch				true	"The keys"
//	@Success		200		{object}	Batched				"An answer for each key"
//	@Failure		400		{object}	Problem				"The body is not a batch"
//	@Failure		401		{object}	Problem				"The token is wrong or missing, and no key can be read without"
//	@Header			401		{string}	WWW-Authenticate	"Bearer"
//	@Failure		408		{object}	Problem				"The body did not arrive in time"
//	@Failure		413		{object}	Problem				"The batch has too many keys or bytes"
//	@Failure		415		{object}	Problem				"The body is not said to be application/json"
//	@Failure		503		{object}	Problem				"Too many bodies of requests are in memory"
//	@Header			503		{integer}	Retry-After			"Seconds after which to try again"
//	@Header			all		{string}	X-Request-Id		"Names this request"
//	@Header			all		{string}	Cache-Control		"no-store, with a problem"
//	@Router			/batch [post]
func (a *API) batch(c *gin.Context) {
	given := bearer(c.Request.Header)
	if !a.readers.admitSome(given) {
		unauthorized(c)
		return
	}
	body, p, ok := a.receive(c, maxBatchBody, problemBatchLarge)
	defer body.release()
	if !ok {
		problem(c, p)
		return
	}
	names, p, ok := namesIn(body.bytes)
	switch {
	case !ok:
		problem(c, p)
		return
	case !body.take(int64(len(names)) * batchedKey):
		problem(c, problemBodies)
		return
	}
	admission := &admission{held: a.held, left: a.parts.Limits.MaxBatchBytes}
	defer admission.release()
	ctx := a.context(c)
	results := a.getMany(ctx, names, given, admission.admit)
	if ctx.Err() != nil {
		c.Status(clientClosed)
		return
	}
	h := c.Writer.Header()
	h["Content-Type"] = []string{"application/json; charset=utf-8"}
	noStore(h)
	a.writeBatch(c, names, results)
}

// writeBatch writes the answers one by one, since the values may be many and large.
// An error is the client's connection.
func (a *API) writeBatch(c *gin.Context, names []string, results []domain.Result) {
	w := bufio.NewWriterSize(c.Writer, batchBuffer)
	_, _ = w.WriteString(`{"answers":[`)
	for i, r := range results {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		answer := a.keyAnswer(c, r)
		answer.Key = names[i]
		if writeAnswer(w, answer, r) != nil {
			return
		}
	}
	_, _ = w.WriteString("]}\n")
	_ = w.Flush()
}

// writeAnswer writes an answer with its value, of which no copy is made.
func writeAnswer(w io.Writer, answer KeyAnswer, r domain.Result) error {
	var head bytes.Buffer
	encode := json.NewEncoder(&head)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(answer); err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		_, err := w.Write(head.Bytes())
		return err
	}
	_, _ = w.Write(bytes.TrimSuffix(head.Bytes(), []byte("}\n")))
	body := bytesOf(r.Entry.Body())
	if isJSON(answer.ContentType) && json.Valid(body) && utf8.Valid(body) {
		io.WriteString(w, `,"value":`)
		_, _ = w.Write(body)
		_, err := io.WriteString(w, "}\n")
		return err
	}
	io.WriteString(w, `,"base64":"`)
	encoded := base64.NewEncoder(base64.StdEncoding, w)
	_, _ = encoded.Write(body)
	_ = encoded.Close()
	_, err := io.WriteString(w, "\"}\n")
	return err
}

// bytesOf returns the bytes of s, which must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// getMany returns a result for each name, also for those that are no keys, or none that
// a request with this token may read.
func (a *API) getMany(ctx context.Context, names []string, given digest, admit func(*domain.Entry) error) []domain.Result {
	results := make([]domain.Result, len(names))
	keys := make([]domain.Key, 0, len(names))
	places := make([]int, 0, len(names))
	for i, name := range names {
		key, err := a.parseKey(name)
		if err == nil && a.readers.closed && !a.readers.admit(given, key) {
			err = errToken
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		keys, places = append(keys, key), append(places, i)
	}
	for n, r := range a.parts.Cache.GetMany(ctx, keys, admit) {
		results[places[n]] = r
	}
	return results
}

// keyAnswer tells what came of one key, but for the value.
func (a *API) keyAnswer(c *gin.Context, r domain.Result) KeyAnswer {
	if r.Err != nil {
		p, known := problemOf(r.Err)
		if !known {
			a.parts.Logger.ErrorContext(a.context(c), "a key of a batch failed for an unknown reason", "err", r.Err)
		}
		p.Instance = requestID(c)
		return KeyAnswer{Status: p.Status, Problem: &p}
	}
	age, ttl := int64(r.Age()/time.Second), wholeSeconds(r.Remaining)
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
