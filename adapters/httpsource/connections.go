package httpsource

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// idleTimeout is shorter than the time after which common servers close an idle
// connection (5 s and more), so that few requests meet one that is being closed.
const idleTimeout = 4 * time.Second

// connections sends each request once, on a connection that no other request
// uses meanwhile. http.Transport cannot be had without its retries: it sends a
// request again when a connection breaks that was used before, as often as there
// are such connections.
//
// Everything that a request does ends with its context: dialing, and the
// connection itself unless the answer was read to its end.
type connections struct {
	transport *http.Transport // dials, and keeps no connections
	slots     chan struct{}   // one for each request until its answer is closed

	mu     sync.Mutex
	idle   []*connection // the one used last is at the end
	closed bool
}

// connection is one to the host that key names.
type connection struct {
	*http.ClientConn
	raw     net.Conn // below TLS
	key     string
	expires *time.Timer // while it is idle
}

var _ http.RoundTripper = (*connections)(nil)

func newConnections(limit int) *connections {
	dialer := new(net.Dialer)
	return &connections{
		slots: make(chan struct{}, limit),
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dialer.DialContext(ctx, network, addr)
				if raw, ok := ctx.Value(rawKey{}).(*net.Conn); ok {
					*raw = conn
				}
				return conn, err
			},
			MaxResponseHeaderBytes: maxHeaderBytes,
			ForceAttemptHTTP2:      true,
		},
	}
}

// rawKey is for the connection that a dial makes.
type rawKey struct{}

// RoundTrip sends req once, or not at all.
func (cs *connections) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	select {
	case cs.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := cs.take(ctx, req)
	if err != nil {
		<-cs.slots
		return nil, err
	}
	resp, err := conn.RoundTrip(req)
	if err != nil {
		cs.done(conn, false)
		return nil, err
	}
	resp.Body = &body{ReadCloser: resp.Body, whole: resp.Body == http.NoBody && !announcesBody(resp),
		done: func(whole bool) { cs.done(conn, whole) }}
	return resp, nil
}

// take returns a connection with a reservation for one request. One that the
// other side has closed, or on which it says something unasked, is not used.
func (cs *connections) take(ctx context.Context, req *http.Request) (*connection, error) {
	key := req.URL.Scheme + "://" + req.URL.Host
	for {
		conn := cs.popIdle()
		if conn == nil {
			return cs.dial(ctx, req, key)
		}
		if conn.key == key && quiet(conn.raw) && conn.Reserve() == nil {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// popIdle returns the idle connection that was used last, or nil.
func (cs *connections) popIdle() *connection {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	last := len(cs.idle) - 1
	if last < 0 {
		return nil
	}
	conn := cs.idle[last]
	cs.idle = slices.Delete(cs.idle, last, last+1)
	conn.expires.Stop()
	return conn
}

func (cs *connections) dial(ctx context.Context, req *http.Request, key string) (*connection, error) {
	conn := &connection{key: key}
	addr := net.JoinHostPort(req.URL.Hostname(), portOf(req.URL))
	var err error
	conn.ClientConn, err = cs.transport.NewClientConn(context.WithValue(ctx, rawKey{}, &conn.raw), req.URL.Scheme, addr)
	if err != nil {
		return nil, err
	}
	if err := conn.Reserve(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// done ends the use of a connection, which is kept if its last answer was read
// as a whole.
func (cs *connections) done(conn *connection, whole bool) {
	if !whole || conn.Available() == 0 || !cs.keep(conn) {
		_ = conn.Close()
	}
	<-cs.slots
}

func (cs *connections) keep(conn *connection) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return false
	}
	cs.idle = append(cs.idle, conn)
	conn.expires = time.AfterFunc(idleTimeout, func() { cs.expire(conn) })
	return true
}

func (cs *connections) expire(conn *connection) {
	cs.mu.Lock()
	at := slices.Index(cs.idle, conn)
	if at >= 0 {
		cs.idle = slices.Delete(cs.idle, at, at+1)
	}
	cs.mu.Unlock()
	if at >= 0 {
		_ = conn.Close()
	}
}

// close closes the idle connections; the others are closed after their use.
func (cs *connections) close() {
	cs.mu.Lock()
	idle := cs.idle
	cs.idle, cs.closed = nil, true
	cs.mu.Unlock()
	for _, conn := range idle {
		conn.expires.Stop()
		_ = conn.Close()
	}
}

// announcesBody reports whether a response has the header of a body, although its
// status may be one that has none. A server that is wrong about that sends the body,
// and the next answer on the connection would begin with it.
func announcesBody(resp *http.Response) bool {
	length := resp.Header.Get("Content-Length")
	return length != "" && length != "0" || resp.TransferEncoding != nil
}

// body tells when an answer is closed, and whether it was read to its end.
type body struct {
	io.ReadCloser
	whole bool
	once  sync.Once
	done  func(whole bool)
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.whole = b.whole || err == io.EOF
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { b.done(b.whole) })
	return err
}
