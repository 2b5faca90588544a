package edge

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What net/http answers by itself is recognised by its bytes, which a value may have
// as well, at each place where it is cut into writes.
func TestAValueThatLooksLikeAnAnswerIsServedAsItIs(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, piece := range []string{
		"HTTP/1.1 417 ",
		"HTTP/1.1 400 X\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n",
	} {
		for shift := range len(piece) {
			value := strings.Repeat("x", shift) + strings.Repeat(piece, 16<<10/len(piece))
			p.put("key", value)
			a := p.get("/data/key")
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, value, a.body, "shift %d", shift)
		}
	}
}

// On one connection, what is malformed after a good request still gets a problem.
func TestAMalformedRequestAfterAGoodOneIsAProblem(t *testing.T) {
	t.Parallel()
	p := start(t)
	conn := p.dial()
	for range 3 {
		_, _ = conn.Write([]byte("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))
		require.Equal(t, http.StatusOK, p.read(conn, "GET").status)
	}
	_, _ = conn.Write([]byte("GET /data/%zz HTTP/1.1\r\nHost: x\r\n\r\n"))
	a := p.read(conn, "GET")
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.Contains(t, a.body, "urn:mlcache:malformed-request")
}

// net/http would answer it by itself, and wait for its body.
func TestOptionsOfTheServerAreAnsweredByTheAPI(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ALLOWED_HOSTS=cache.example")
	a := p.send("OPTIONS * HTTP/1.1\r\nHost: cache.example\r\nContent-Length: 5\r\n\r\n")
	require.Equal(t, http.StatusNotFound, a.status)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.NotEmpty(t, a.header.Get("X-Request-Id"))
	require.Equal(t, http.StatusMisdirectedRequest, p.send("OPTIONS * HTTP/1.1\r\nHost: other.example\r\n\r\n").status)
}
