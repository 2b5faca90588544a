package httpapi

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// Listener returns l with connections on which what net/http refuses by itself,
// before a request reaches the API, is answered with a problem as well. Such
// answers are known by their header, which no answer of the API begins with. The
// bytes of a value are never looked at: they may say anything.
func (a *API) Listener(l net.Listener) net.Listener { return translating{l, a} }

// translating is a listener of such connections.
type translating struct {
	net.Listener
	api *API
}

func (l translating) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &translated{Conn: c, api: l.api}, nil
}

// translated is such a connection. It also keeps requests alive whose client has
// ended its side.
type translated struct {
	net.Conn
	api *API

	mu        sync.Mutex
	begun     bool          // an answer is under way
	ahead     int           // how many of its bytes were sent before it began
	over      bool          // the deadline of reads
	unwatched chan struct{} // closed when that comes; nil while nobody waits for it
}

// CloseWrite ends this side of the connection. net/http does so before it closes a
// connection on which more may arrive, so that its answer is not lost.
func (c *translated) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// How net/http begins what it refuses, in one piece each.
const (
	statusLine = "HTTP/1.1 "
	ownHeader  = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	expects    = "HTTP/1.1 417 "
)

func (c *translated) Write(b []byte) (int, error) {
	first, ahead := c.begin()
	if ahead > 0 {
		n, err := c.Conn.Write(b[ahead:])
		return n + ahead, err
	}
	if !first || len(b) < len(expects) || string(b[:len(statusLine)]) != statusLine || b[len(statusLine)] < '4' {
		return c.Conn.Write(b)
	}
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	status, err := strconv.Atoi(string(b[len(statusLine) : len(statusLine)+3]))
	if err != nil || !bytes.HasPrefix(b[len(line):], []byte(ownHeader)) && !bytes.HasPrefix(b, []byte(expects)) {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(c.api.malformed(status)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// malformed returns the whole answer with the problem that status is.
func (a *API) malformed(status int) []byte {
	p := problemMalformed
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		p = problemHeader
	case status != p.Status:
		p = Problem{Type: p.Type, Title: http.StatusText(status), Status: status}
	}
	p.Instance = a.ids.next()
	h := http.Header{}
	noStore(h)
	return rawProblem(p, h)
}

// rawProblem returns a whole answer, with this header beside that of all problems.
// The connection is closed after it.
func rawProblem(p Problem, h http.Header) []byte {
	body, _ := json.Marshal(p) // strings and a number always can be
	h["Content-Type"] = []string{problemMedia}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h[requestIDHeader] = []string{p.Instance}
	h["Connection"] = []string{"close"}
	var b bytes.Buffer
	b.WriteString(statusLine + strconv.Itoa(p.Status) + " " + http.StatusText(p.Status) + "\r\n")
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
