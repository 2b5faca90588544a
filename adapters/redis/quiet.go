package redis

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// quietConn reads a deadline as a bound of silence: it moves on while bytes arrive
// or leave, so that a large reply on a slow network is no failure, up to a total of
// maxProgress times as long. What has arrived by the deadline still counts when this
// process gets to look at it later.
type quietConn struct {
	net.Conn
	reading, writing quiet
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

func (c *quietConn) SetReadDeadline(t time.Time) error  { c.reading.set(t); return nil }
func (c *quietConn) SetWriteDeadline(t time.Time) error { c.writing.set(t); return nil }

func (c *quietConn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

// lastLook is how long a read that is out of time waits for what may be there.
const lastLook = time.Millisecond

func (c *quietConn) Read(b []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(c.reading.deadline()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lastLook))
		n, err = c.Conn.Read(b)
	}
	return n, err
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
