package httpsource

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// origin is a backend that does with its connections what it likes.
type origin struct {
	addr  string
	asked atomic.Int32 // requests that arrived
}

// newOrigin passes each connection to handle and closes it afterwards.
func newOrigin(t testing.TB, handle func(o *origin, conn net.Conn)) *origin {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := &origin{addr: listener.Addr().String()}
	var mu sync.Mutex
	var conns []net.Conn
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				handle(o, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return o
}

// request reads the next request and returns its path, or "" when there is none.
func (o *origin) request(r *bufio.Reader) string {
	req, err := http.ReadRequest(r)
	if err != nil {
		return ""
	}
	o.asked.Add(1)
	return req.URL.Path
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nv"

func TestALoadIsOneRequestAlthoughTheConnectionBreaks(t *testing.T) {
	const idle = 30
	var breaks atomic.Bool
	together := make(chan struct{}) // closed when all have asked, so that there are as many connections
	o := newOrigin(t, func(o *origin, conn net.Conn) {
		for r := bufio.NewReader(conn); o.request(r) != "" && !breaks.Load(); io.WriteString(conn, ok) {
			if o.asked.Load() == idle {
				close(together)
			}
			<-together
		}
	})
	s := newSource(t, "http://"+o.addr+"/{key}", func(opts *Options) { opts.MaxConns = idle })
	var loads sync.WaitGroup
	for range idle {
		loads.Go(func() {
			_, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
			assert.NoError(t, err)
		})
	}
	loads.Wait()
	require.Len(t, s.conns.idle, idle)
	breaks.Store(true)
	for range idle {
		before := o.asked.Load()
		_, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.EqualValues(t, 1, o.asked.Load()-before)
	}
}

func TestAConnectionThatWasClosedWhileIdleCostsNothing(t *testing.T) {
	for _, farewell := range []string{"", "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", "garbage"} {
		closing := make(chan struct{})
		o := newOrigin(t, func(o *origin, conn net.Conn) {
			o.request(bufio.NewReader(conn))
			io.WriteString(conn, ok)
			closing <- struct{}{}
			io.WriteString(conn, farewell)
			conn.Close()
			closing <- struct{}{}
		})
		s := newSource(t, "http://"+o.addr+"/{key}")
		const times = 50
		for range times {
			_, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
			require.NoError(t, err)
			<-closing
			<-closing
		}
		require.EqualValues(t, times, o.asked.Load())
	}
}

func TestIdleConnectionsAreClosedInTheEnd(t *testing.T) {
	closed := make(chan struct{})
	o := newOrigin(t, func(o *origin, conn net.Conn) {
		r := bufio.NewReader(conn)
		o.request(r)
		io.WriteString(conn, ok)
		assert.Empty(t, o.request(r))
		close(closed)
	})
	s := newSource(t, "http://"+o.addr+"/{key}")
	_, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
	require.NoError(t, err)
	s.conns.mu.Lock()
	require.Len(t, s.conns.idle, 1)
	s.conns.idle[0].expires.Reset(0)
	s.conns.mu.Unlock()
	<-closed
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	require.Empty(t, s.conns.idle)
}

// http2Origin answers each request with a frame that resets its stream.
func http2Origin(t *testing.T, code uint32) (*origin, *Source) {
	const headers, reset, settings = 1, 3, 4
	frame := func(kind byte, stream uint32, payload []byte) []byte {
		f := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
		f = append(f, 0)
		return append(binary.BigEndian.AppendUint32(f, stream), payload...)
	}
	// It borrows the certificate of a server that serves nothing.
	srv := httptest.NewUnstartedServer(nil)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	o := newOrigin(t, func(o *origin, raw net.Conn) {
		conn := tls.Server(raw, srv.TLS)
		preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		if _, err := io.ReadFull(conn, preface); err != nil {
			return
		}
		_, _ = conn.Write(frame(settings, 0, nil))
		for head := make([]byte, 9); ; {
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head)>>8))
			if head[3] == headers {
				o.asked.Add(1)
				_, _ = conn.Write(frame(reset, binary.BigEndian.Uint32(head[5:]), binary.BigEndian.AppendUint32(nil, code)))
			}
		}
	})
	s := newSource(t, "https://"+o.addr+"/{key}")
	s.conns.transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	return o, s
}

func TestALoadIsOneRequestOverHTTP2AsWell(t *testing.T) {
	const protocolError, refusedStream, internalError = 1, 7, 2 // net/http repeats after the first two
	for _, code := range []uint32{protocolError, refusedStream, internalError} {
		o, s := http2Origin(t, code)
		for loads := range int32(3) {
			_, err := s.Load(t.Context(), key(t, "k"), domain.Validator{})
			require.ErrorIs(t, err, domain.ErrSourceFailed)
			require.Equal(t, loads+1, o.asked.Load())
		}
	}
}

// nasty are answers that no honest backend gives. None closes its connection, and
// what follows the last of them is sent again and again.
var nasty = map[string][2]string{
	"nothing":                     {"", ""},
	"a switch of protocols":       {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", ""},
	"a switch that goes on":       {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "x"},
	"a switch without a protocol": {"HTTP/1.1 101 X\r\n\r\n", ""},
	"continue, without end":       {"", "HTTP/1.1 100 Continue\r\n\r\n"},
	"hints, without end":          {"", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"},
	"unknown 1xx, without end":    {"", "HTTP/1.1 199 X\r\n\r\n"},
	"a status line without end":   {"HTTP/1.1 200 ", "x"},
	"header lines without end":    {"HTTP/1.1 200 OK\r\n", "A: b\r\n"},
	"one header line without end": {"HTTP/1.1 200 OK\r\nA: ", "b"},
	"folded lines without end":    {"HTTP/1.1 200 OK\r\nA: b\r\n", " c\r\n"},
	"half a head":                 {"HTTP/1.1 200 OK\r\nContent-Le", ""},
	"no body":                     {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ""},
	"half a body":                 {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", ""},
	"a body without end":          {"HTTP/1.1 200 OK\r\n\r\n", "x"},
	"half a chunk":                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ""},
	"chunks without end":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
	"extensions without end":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", ";x"},
	"trailers without end":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"},
	"no chunk":                    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ""},
	"a huge chunk":                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "x"},
	"two lengths":                 {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", ""},
	"a negative length":           {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", ""},
	"an absence that never ends":  {"HTTP/1.1 404 Not Found\r\n\r\n", "x"},
	"an error of half a body":     {"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\na", ""},
	"a redirect of half a body":   {"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 5\r\n\r\na", ""},
	"a redirect to itself":        {"HTTP/1.1 302 Found\r\nLocation: /bad\r\nContent-Length: 0\r\n\r\n", ""},
	"another protocol":            {"SSH-2.0-OpenSSH_9.6\r\n", "\x00\x01\x02"},
	"the frames of HTTP/2":        {"\x00\x00\x00\x04\x00\x00\x00\x00\x00", ""},
}

// drip sends the answer in whole or byte by byte, and then what goes on for ever,
// until the other side has had enough.
func drip(conn net.Conn, first, forever string, slowly bool) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	defer func() { <-gone }()
	if !slowly {
		io.WriteString(conn, first)
		first = ""
	}
	if forever == "" && first == "" {
		return
	}
	for i := 0; ; i++ {
		next := forever
		if i < len(first) {
			next = first[i : i+1]
		} else if forever == "" {
			return
		}
		if _, err := io.WriteString(conn, next); err != nil {
			return
		}
		if slowly {
			time.Sleep(time.Millisecond) // a slow origin, not a wait for anything
		}
	}
}

// badOrigin answers at /good with a value, and elsewhere as told.
func badOrigin(t testing.TB, first, forever string, slowly bool) *origin {
	return newOrigin(t, func(o *origin, conn net.Conn) {
		for r := bufio.NewReader(conn); ; io.WriteString(conn, ok) {
			switch o.request(r) {
			case "":
				return
			case "/good":
			default:
				drip(conn, first, forever, slowly)
				return
			}
		}
	})
}

// outlives loads a bad answer within a short time, over the one connection that
// there may be, and then a good one. By chance a bad answer may be well formed: its
// connection is kept then, and the origin says no more on it.
func outlives(t testing.TB, o *origin) {
	t.Helper()
	s, err := New(Options{URL: "http://" + o.addr + "/{key}", Timeout: time.Minute, MaxBytes: 1 << 20, MaxConns: 1})
	require.NoError(t, err)
	defer s.Close()
	bad, err := domain.ParseKey("bad")
	require.NoError(t, err)
	good, err := domain.ParseKey("good")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, _ = s.Load(ctx, bad, domain.Validator{})
	for conn := s.conns.popIdle(); conn != nil; conn = s.conns.popIdle() {
		_ = conn.Close()
	}
	v, err := s.Load(context.Background(), good, domain.Validator{})
	require.NoError(t, err)
	require.Equal(t, "v", v.Body)
	require.Empty(t, s.conns.slots)
}

func TestNoAnswerOutlivesTheDeadlineOrKeepsAConnection(t *testing.T) {
	for name, answer := range nasty {
		for _, slowly := range []bool{false, true} {
			t.Run(name, func(t *testing.T) { outlives(t, badOrigin(t, answer[0], answer[1], slowly)) })
		}
	}
}

func TestAnAnswerBeforeTheRequestIsHarmless(t *testing.T) {
	for _, answer := range []string{ok, "garbage", strings.Repeat("x", 1<<20)} {
		o := newOrigin(t, func(_ *origin, conn net.Conn) {
			io.WriteString(conn, answer)
			_, _ = io.Copy(io.Discard, conn)
		})
		s := newSource(t, "http://"+o.addr+"/{key}")
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, _ = s.Load(ctx, key(t, "k"), domain.Validator{})
			cancel()
		}
		require.Empty(t, s.conns.slots)
	}
}

func TestAHandshakeThatHangsEndsWithTheLoad(t *testing.T) {
	gone := make(chan struct{}, 10)
	o := newOrigin(t, func(_ *origin, conn net.Conn) {
		_, _ = io.Copy(io.Discard, conn)
		gone <- struct{}{}
	})
	s := newSource(t, "https://"+o.addr+"/{key}", func(opts *Options) { opts.MaxConns = 1 })
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := s.Load(ctx, key(t, "k"), domain.Validator{})
		require.ErrorIs(t, err, domain.ErrTimeout)
		cancel()
		<-gone
	}
}

func FuzzAnswers(f *testing.F) {
	for _, answer := range nasty {
		f.Add([]byte(answer[0]+answer[1]), false)
	}
	f.Add([]byte(ok), true)
	f.Add([]byte(ok+ok), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nv\r\n0\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, answer []byte, closes bool) {
		outlives(t, newOrigin(t, func(o *origin, conn net.Conn) {
			for r := bufio.NewReader(conn); ; io.WriteString(conn, ok) {
				switch o.request(r) {
				case "":
					return
				case "/good":
				default:
					_, _ = io.Copy(conn, bytes.NewReader(answer))
					if !closes {
						_, _ = io.Copy(io.Discard, conn)
					}
					return
				}
			}
		}))
	})
}
