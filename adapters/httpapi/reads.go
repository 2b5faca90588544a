package httpapi

import (
	"errors"
	"os"
	"sync"
	"time"
)

// readDeadline is that of reads of a connection. net/http sets it six times for a
// request, most of the time to what the next one replaces before anything is read.
// So it is kept here, and the connection's own is set only for a read that would not
// end in time otherwise. One that comes too early has the read go on.
type readDeadline struct {
	mu      sync.Mutex
	wanted  time.Time // zero for none
	set     time.Time // the connection's own
	reading bool
}

// SetReadDeadline sets the deadline of reads, also of one under way.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.reads.mu.Lock()
	defer c.reads.mu.Unlock()
	c.reads.wanted = t
	if !c.reads.reading {
		return nil
	}
	return c.setReadDeadlineLocked()
}

func (c *conn) setReadDeadlineLocked() error {
	c.reads.set = c.reads.wanted
	return c.Conn.SetReadDeadline(c.reads.set)
}

// Read reads until the deadline. One goroutine at a time reads, as net/http does.
func (c *conn) Read(b []byte) (int, error) {
	for {
		if err := c.beginRead(); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(b)
		if !c.endRead(err) {
			return n, err
		}
	}
}

// beginRead has the read that follows end in time.
func (c *conn) beginRead() error {
	r := &c.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !r.wanted.IsZero() && !r.wanted.After(now) {
		return os.ErrDeadlineExceeded
	}
	r.reading = true
	if r.set.After(now) && (r.wanted.IsZero() || !r.set.After(r.wanted)) {
		return nil // early enough
	}
	return c.setReadDeadlineLocked()
}

// endRead reports whether the read ended before its deadline for want of time.
func (c *conn) endRead(err error) (again bool) {
	r := &c.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reading = false
	return errors.Is(err, os.ErrDeadlineExceeded) && (r.wanted.IsZero() || r.wanted.After(time.Now()))
}
