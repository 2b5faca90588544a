package httpapi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// refusalsOpen is how many refused connections stay open, to read why.
	refusalsOpen = 64
	// warnEvery is how often, at the most, a line says that connections fail.
	warnEvery = 10 * time.Second
)

// ListenerOptions bound what connections may take.
type ListenerOptions struct {
	MaxConnections int           // open at once; any further one is answered 503 (with TLS an alert) and closed
	WriteTimeout   time.Duration // how long a client may read nothing of an answer
	TLS            *tls.Config   // nil: without
	Logger         *slog.Logger
}

// Listener accepts connections, no more than allowed, and closes those whose
// client does not read its answer. It is safe for concurrent use.
type Listener struct {
	net.Listener
	opts   ListenerOptions
	ids    requestIDs
	warned time.Time // by Accept alone
	unsaid int       // failures since then

	mu       sync.Mutex
	conns    map[*conn]struct{}
	refused  []net.Conn // the oldest first
	hurrying bool
}

// Listen returns a Listener on l, which must accept TCP connections. Closing it
// closes l.
func Listen(l net.Listener, o ListenerOptions) *Listener {
	return &Listener{Listener: l, opts: o, ids: newRequestIDs(), conns: make(map[*conn]struct{})}
}

// Close closes the listener. Connections that were accepted stay open.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.refused {
		_ = c.Close()
	}
	l.refused = nil
	return l.Listener.Close()
}

// Accept returns the next connection that is not one too many.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			l.warn(err)
			return nil, err
		}
		tcp, ok := accepted.(*net.TCPConn)
		if !ok {
			_ = accepted.Close()
			return nil, fmt.Errorf("httpapi: connection is a %T, want TCP", accepted)
		}
		if c := l.add(tcp); c != nil {
			return l.secured(c), nil
		}
		l.refuse(tcp)
	}
}

// warn logs that no connection could be accepted, which is for want of file
// descriptors or memory, at a limited rate.
func (l *Listener) warn(err error) {
	if errors.Is(err, net.ErrClosed) {
		return
	}
	l.unsaid++
	if time.Since(l.warned) >= warnEvery {
		l.opts.Logger.Warn("connections cannot be accepted", "times", l.unsaid, "err", err)
		l.warned, l.unsaid = time.Now(), 0
	}
}

// add returns the connection as one that counts, or nil if it is one too many.
func (l *Listener) add(tcp *net.TCPConn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= l.opts.MaxConnections {
		return nil
	}
	c := &conn{Conn: tcp, listener: l}
	c.patience.Store(int64(l.opts.WriteTimeout))
	if l.hurrying {
		c.patience.Store(int64(lastPatience))
	}
	l.conns[c] = struct{}{}
	return c
}

func (l *Listener) remove(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// Hurry is for a shutdown: from now on clients that do not read are given up much
// sooner.
func (l *Listener) Hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurrying = true
	for c := range l.conns {
		c.hurry()
	}
}

// refuse answers a connection that is one too many. It does not block: the answer
// fits into the empty buffer of the kernel. The connection is closed only after some
// others were refused: a socket that is closed with a request unread is reset, and
// the answer may be lost.
func (l *Listener) refuse(tcp *net.TCPConn) {
	_ = tcp.SetWriteDeadline(time.Now().Add(lastPatience))
	_, _ = tcp.Write(l.refusal())
	_ = tcp.CloseWrite()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refused) == refusalsOpen {
		_ = l.refused[0].Close()
		l.refused = slices.Delete(l.refused, 0, 1)
	}
	l.refused = append(l.refused, tcp)
}

// refusal is the answer to one connection too many. Where TLS is spoken, a problem would
// take a handshake, which costs more than a request.
func (l *Listener) refusal() []byte {
	if l.opts.TLS != nil {
		return internalError
	}
	p := problemConnections
	p.Instance = l.ids.next()
	h := http.Header{"Retry-After": {"1"}}
	noStore(h)
	return rawProblem(p, h)
}
