package redis

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// quietConn reads a deadline as a bound of silence: it moves on while bytes arrive
// or leave, so that a large reply on a slow network is no failure, up to a total of
// maxProgress times as long. What has arrived by the deadline still counts when this
// process gets to look at it later.
//
// A goroutine of the connection receives. So a caller that waits for a reply gives way
// to those that are about to ask for something, who then share the next round trip:
// a reply that is there at once, from a server on the same machine, is no exception.
//
// It has one reader at a time, and must be closed.
type quietConn struct {
	net.Conn
	reading, writing quiet

	arrived chan []byte   // what was received; closed at its end
	taken   chan struct{} // it has been read
	err     error         // why no more arrives; set before arrived is closed
	closed  chan struct{}
	ended   chan struct{} // nothing more is received
	close   func() error

	// Used by the reader.
	rest  []byte // of what has arrived
	timer *time.Timer
}

// receiveBytes is how much is received at once.
const receiveBytes = 32 << 10

func newQuietConn(conn net.Conn) *quietConn {
	c := &quietConn{
		Conn: conn, arrived: make(chan []byte, 1), taken: make(chan struct{}, 1),
		closed: make(chan struct{}), ended: make(chan struct{}), timer: time.NewTimer(0),
	}
	c.close = sync.OnceValue(func() error {
		close(c.closed)
		err := conn.Close()
		<-c.ended
		return err
	})
	go c.receive()
	return c
}

// Close ends the connection, and waits for the end of its goroutine.
func (c *quietConn) Close() error { return c.close() }

func (c *quietConn) receive() {
	defer close(c.ended)
	defer close(c.arrived)
	buffer := make([]byte, receiveBytes)
	for {
		n, err := c.Conn.Read(buffer)
		if n > 0 {
			c.arrived <- buffer[:n]
			select {
			case <-c.taken:
			case <-c.closed:
				err = net.ErrClosed
			}
		}
		if err != nil {
			c.err = err
			return
		}
	}
}

// maxProgress bounds how many times longer than its budget an exchange may take
// while bytes flow.
const maxProgress = 40

// quiet is the bound of one direction. Zero is none.
type quiet struct {
	window atomic.Int64 // in nanoseconds
	end    atomic.Int64 // in Unix nanoseconds
}

func (q *quiet) set(deadline time.Time) {
	if deadline.IsZero() {
		q.window.Store(0)
		return
	}
	window := max(time.Until(deadline), 1)
	q.end.Store(time.Now().Add(maxProgress * window).UnixNano())
	q.window.Store(int64(window))
}

// deadline returns that of the next read or write.
func (q *quiet) deadline() time.Time {
	window := q.window.Load()
	if window == 0 {
		return time.Time{}
	}
	return time.Unix(0, min(time.Now().UnixNano()+window, q.end.Load()))
}

// pass has the bound be over until it is set again. go-redis looks for push messages
// before each reply and overlooks that it found none in time, so it reads again.
func (q *quiet) pass() { q.end.Store(0) }

func (c *quietConn) SetReadDeadline(t time.Time) error  { c.reading.set(t); return nil }
func (c *quietConn) SetWriteDeadline(t time.Time) error { c.writing.set(t); return nil }

func (c *quietConn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

// lastLook is how long a read that is out of time waits for what may be there: a process
// that was stopped finds the end of the time before it finds what has arrived.
const lastLook = time.Millisecond

func (c *quietConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		if err := c.await(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.taken <- struct{}{}
	}
	return n, nil
}

// await waits for something to arrive.
func (c *quietConn) await() error {
	if deadline := c.reading.deadline(); deadline.IsZero() {
		c.rest = <-c.arrived
	} else if !c.arrives(time.Until(deadline)) && !c.arrives(lastLook) {
		c.reading.pass()
		return os.ErrDeadlineExceeded
	}
	if c.rest == nil {
		return c.err
	}
	return nil
}

// arrives waits no longer than that for something, or for the end of all.
func (c *quietConn) arrives(within time.Duration) bool {
	c.timer.Reset(within)
	select {
	case c.rest = <-c.arrived:
		return true
	case <-c.timer.C:
		return false
	}
}

// Write sends in pieces, so that progress is seen.
func (c *quietConn) Write(b []byte) (written int, err error) {
	const piece = 64 << 10
	for {
		if err := c.Conn.SetWriteDeadline(c.writing.deadline()); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(b[:min(len(b), piece)])
		written += n
		if b = b[n:]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}
