package httpapi

import (
	"errors"
	"io"
	"os"
	"time"
)

const (
	// everyAnswer is what each answer begins with.
	everyAnswer = "HTTP/1."
	// firstDoubt is the time after which a client that has ended its side is looked
	// at for the first time; each further time takes twice as long.
	firstDoubt = 100 * time.Millisecond
)

// Read reads for net/http, which takes the end of what a client sends for the end of
// the client, and cancels its request. But a client may end its side only and still
// read. So while an answer is awaited, that end is not told before the client has
// left, or the answer is there.
//
// net/http watches a connection during a request by reads of a single byte.
func (c *translated) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 && len(b) == 1 && errors.Is(err, io.EOF) {
		return 0, c.outlast()
	}
	return n, err
}

// outlast returns when the watch over the request ends, or with io.EOF when the
// client has left. It finds out by sending the first bytes of the answer, one after
// the other: a client that has closed its socket resets the connection.
func (c *translated) outlast() error {
	unwatched := c.watched()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for doubt := firstDoubt; ; doubt *= 2 {
		select {
		case <-unwatched:
			return os.ErrDeadlineExceeded
		case <-wait.C:
		}
		if !c.sendAhead() {
			return io.EOF
		}
		wait.Reset(doubt)
	}
}

// watched returns a channel that is closed when the watch over the request ends.
func (c *translated) watched() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	unwatched := make(chan struct{})
	if c.over {
		close(unwatched)
	} else {
		c.unwatched = unwatched
	}
	return unwatched
}

// sendAhead sends one more byte of an answer that has not begun, if one is left. It
// reports whether the client may still read. Of an answer that has begun, the
// answer's own writes find out.
func (c *translated) sendAhead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun || c.ahead == len(everyAnswer) {
		return true
	}
	n, err := io.WriteString(c.Conn, everyAnswer[c.ahead:c.ahead+1])
	c.ahead += n
	return err == nil
}

// begin is called for each write. It reports whether that begins an answer, and how
// many of its bytes are sent already.
func (c *translated) begin() (first bool, ahead int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, ahead = !c.begun, c.ahead
	c.begun, c.ahead = true, 0
	return first, ahead
}

// SetReadDeadline sets the deadline. One that is over is how net/http ends the watch
// over a request.
func (c *translated) SetReadDeadline(t time.Time) error {
	over := !t.IsZero() && t.Before(time.Now())
	c.mu.Lock()
	if over && c.unwatched != nil {
		close(c.unwatched)
		c.unwatched = nil
	}
	c.over = over
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is how net/http says that an answer is complete.
func (c *translated) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.begun = false
	c.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}
