package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// bodyBuffer is the memory that each body may have. What it needs beyond that
	// comes out of a budget that all bodies share.
	bodyBuffer = 4 << 10
	// bodyPause is how long a client may send nothing of a body.
	bodyPause = 5 * time.Second
	// unreadTime is how long a connection stays open after an answer that did not
	// take the body, for the client to read it before the connection is reset.
	unreadTime = 500 * time.Millisecond
)

// begin has an answer close its connection as long as the body of the request is
// not read: the answer does not wait for that.
func begin(c *gin.Context) {
	if r := c.Request; r.ProtoMajor == 1 && r.Body != nil && r.Body != http.NoBody {
		c.Writer.Header()["Connection"] = []string{"close"}
	}
}

// finish bounds what net/http reads of a body that the answer did not take.
func finish(c *gin.Context) {
	if c.Writer.Header()["Connection"] != nil {
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(unreadTime))
	}
}

// received is the body of a request. It must be released.
type received struct {
	bytes  []byte
	budget *budget
	taken  int64 // from the budget
}

func (r *received) release() { r.budget.giveBack(r.taken) }

// take takes n more bytes from the budget.
func (r *received) take(n int64) bool {
	ok := r.budget.take(n)
	if ok {
		r.taken += n
	}
	return ok
}

// receive reads the whole body of a request, or returns what is wrong with it. The
// time for that ends with the request's, and earlier when nothing arrives. The
// memory grows with what arrives.
func (a *API) receive(c *gin.Context, limit int64, tooLarge Problem) (r *received, p Problem, ok bool) {
	r = &received{budget: &a.bodies}
	if c.Request.ContentLength > limit {
		return r, tooLarge, false
	}
	body := a.timed(c)
	defer body.stop()
	r.bytes = make([]byte, 0, bodyBuffer)
	for {
		n, err := body.Read(r.bytes[len(r.bytes):cap(r.bytes)])
		r.bytes = r.bytes[:len(r.bytes)+n]
		switch {
		case int64(len(r.bytes)) > limit:
			return r, tooLarge, false
		case errors.Is(err, io.EOF):
			c.Writer.Header().Del("Connection")
			return r, p, true
		case errors.Is(err, os.ErrDeadlineExceeded):
			return r, problemBodySlow, false
		case err != nil:
			return r, problemBody, false
		case len(r.bytes) == cap(r.bytes):
			more := int64(cap(r.bytes))
			if !r.take(more) {
				return r, problemBodies, false
			}
			r.bytes = append(make([]byte, 0, 2*more), r.bytes...)
		}
	}
}

// timed is a body that is read within the time of its request.
type timed struct {
	body    io.Reader
	control *http.ResponseController
	closing context.Context // ends when the service shuts down
	end     time.Time
	stop    func() bool
}

func (a *API) timed(c *gin.Context) *timed {
	t := &timed{
		body: c.Request.Body, control: http.NewResponseController(c.Writer), closing: a.open,
		end: time.Now().Add(a.parts.Limits.RequestTimeout),
	}
	t.stop = context.AfterFunc(t.closing, t.extend)
	return t
}

func (t *timed) Read(b []byte) (int, error) {
	t.extend()
	return t.body.Read(b)
}

// extend gives the client time for the next bytes. A recorder of a test has no
// deadlines.
func (t *timed) extend() {
	pause := bodyPause
	if t.closing.Err() != nil {
		pause = lastPatience
	}
	next := time.Now().Add(pause)
	if next.After(t.end) {
		next = t.end
	}
	_ = t.control.SetReadDeadline(next)
}
