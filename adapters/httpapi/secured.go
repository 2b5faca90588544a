package httpapi

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// internalError is a fatal alert, as a server may send it in place of a handshake: type
// alert, TLS 1.0 for the record as in all first records, two bytes, fatal, internal_error
// (RFC 8446, sections 5.1 and 6).
var internalError = []byte{21, 3, 1, 0, 2, 2, 80} // not changed

// secured returns a connection that speaks TLS, if that is asked for. TLS lies between
// the connection, which bounds what a client may take of the network, and HTTP: so all
// bounds hold for handshakes, and for what TLS sends by itself, too. Since net/http does
// not know of it, the protocol is HTTP/1.1.
func (l *Listener) secured(c *conn) net.Conn {
	if l.opts.TLS == nil {
		return c
	}
	return &secured{tls.Server(c, l.opts.TLS), l}
}

type secured struct {
	*tls.Conn
	listener *Listener
}

// Read makes the handshake first. A client that has sent HTTP instead gets a problem.
func (c *secured) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
		c.answerPlainly()
		return 0, io.EOF
	}
	return n, err
}

func (c *secured) answerPlainly() {
	p := problemPlain
	p.Instance = c.listener.ids.next()
	h := http.Header{}
	noStore(h)
	below := c.NetConn().(*conn)
	_, _ = below.Write(rawProblem(p, h))
	// A socket that is closed with a request unread is reset, and the answer may be lost.
	_ = below.CloseWrite()
	_ = below.SetReadDeadline(time.Now().Add(unreadTime))
	_, _ = io.CopyN(io.Discard, below, maxHeader)
}

// looksLikeHTTP reports whether a record of TLS is the beginning of a request.
func looksLikeHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO":
		return true
	}
	return false
}
