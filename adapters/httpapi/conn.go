package httpapi

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// slowest is how many bytes per second of an answer a client has to read, on
	// average over the time in which the service waits for it.
	slowest = 64 << 10
	// atOnce is how many bytes are written under one deadline.
	atOnce = 64 << 10
	// lastPatience is how long a client may read nothing during a shutdown.
	lastPatience = time.Second
)

// conn is a connection whose writes end when its client stops reading, or reads too
// slowly. The deadline moves on with what is read; it is set again only when a
// quarter of it is over, so that short answers cost nothing.
//
// One goroutine at a time writes: net/http, or crypto/tls, which may answer what it reads.
type conn struct {
	net.Conn // a *net.TCPConn
	listener *Listener
	closing  atomic.Bool
	reads    readDeadline
	patience atomic.Int64 // a time.Duration: how long a write may make no progress

	mu     sync.Mutex
	failed error // of a write: no later one is tried, since the client misses bytes

	// Of the answer under way.
	until   time.Time     // the deadline that is set
	written int64         // bytes
	waited  time.Duration // in writes
}

// Write writes all of b, or fails when the client does not read on.
func (c *conn) Write(b []byte) (n int, err error) {
	for part := range slices.Chunk(b, atOnce) {
		began := time.Now()
		if err := c.extend(began); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(part)
		n += m
		if c.count(m, began, err); err != nil {
			return n, err
		}
	}
	return n, nil
}

// count counts what was written since then.
func (c *conn) count(bytes int, began time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err
	c.written += int64(bytes)
	if c.written > atOnce { // up to there it is in the buffer of the kernel
		c.waited += time.Since(began)
	}
}

// extend moves the deadline of writes on, unless it is far enough away. It returns the
// error that an earlier write ended with.
func (c *conn) extend(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	patience := time.Duration(c.patience.Load())
	if c.failed != nil || c.until.Sub(now) > patience*3/4 {
		return c.failed
	}
	owed := time.Duration(c.written) * time.Second / slowest
	c.until = now.Add(min(patience, patience+owed-c.waited))
	_ = c.Conn.SetWriteDeadline(c.until)
	if p := time.Duration(c.patience.Load()); p < patience { // hurried meanwhile
		_ = c.Conn.SetWriteDeadline(now.Add(p))
	}
	return nil
}

// SetWriteDeadline is how net/http says that an answer is complete, since the server
// has no WriteTimeout. The deadlines stay the connection's own.
func (c *conn) SetWriteDeadline(time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written, c.waited = 0, 0
	return nil
}

// CloseWrite is how net/http lets a client read an answer before the connection is
// closed.
func (c *conn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// hurry shortens the patience, also of a write under way.
func (c *conn) hurry() {
	c.patience.Store(int64(lastPatience))
	_ = c.Conn.SetWriteDeadline(time.Now().Add(lastPatience))
}

// Close closes the connection, whose place is free then.
func (c *conn) Close() error {
	if c.closing.CompareAndSwap(false, true) {
		c.listener.remove(c)
	}
	return c.Conn.Close()
}
