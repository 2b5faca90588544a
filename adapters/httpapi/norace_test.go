//go:build !race

package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// sink is a ResponseWriter that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header               { return s.header }
func (s *sink) Write(b []byte) (int, error)       { return len(b), nil }
func (s *sink) WriteString(b string) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)                   {}

// quiet answers like parts, and remembers nothing.
type quiet struct {
	*parts
	answer domain.Answer
}

func (q quiet) GetWith(context.Context, domain.Key, domain.Constraints) (domain.Answer, error) {
	return q.answer, nil
}
func (q quiet) Took(string, int, time.Duration) {}

// bareHandler writes the bytes and headers of a hit, and does nothing else.
func bareHandler(c domain.Copy) http.Handler {
	engine := gin.New()
	engine.GET("/data/*key", func(ctx *gin.Context) {
		h := ctx.Writer.Header()
		h["Content-Type"] = []string{c.Entry.ContentType()}
		h["Content-Length"] = []string{"200"}
		h["Etag"] = []string{c.Entry.ETag()}
		h["Age"] = []string{"8"}
		h["Cache-Control"] = []string{"no-cache"}
		h["Cache-Status"] = []string{"mlcache; hit; ttl=22; detail=l1"}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		h["X-Request-Id"] = []string{"abcdefghij-1"}
		ctx.Writer.WriteHeader(http.StatusOK)
		_, _ = ctx.Writer.WriteString(c.Entry.Body())
	})
	return engine
}

func hotHandlers(b testing.TB) (ours, bare http.Handler) {
	b.Helper()
	c := copyOf(long('x', 200), 21500*time.Millisecond)
	p := (&parts{}).parts()
	p.Cache, p.Answers = quiet{parts: &parts{}, answer: domain.Answer{Copy: c, Outcome: domain.L1Hit}}, quiet{}
	return httpapi.New(p, httpapi.Labels{}, httpapi.Access{}), bareHandler(c)
}

// TestAHitAllocatesAtMostTwiceMoreThanABareHandler holds what an answer from
// memory may cost in the handler.
func TestAHitAllocatesAtMostTwiceMoreThanABareHandler(t *testing.T) {
	ours, bare := hotHandlers(t)
	require.LessOrEqual(t, allocations(t, ours), allocations(t, bare)+2)
}

func allocations(t *testing.T, h http.Handler) float64 {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/data/test", http.NoBody)
	w := &sink{header: http.Header{}}
	return testing.AllocsPerRun(1000, func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	})
}

func BenchmarkAHit(b *testing.B) {
	ours, bare := hotHandlers(b)
	for name, h := range map[string]http.Handler{"ours": ours, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/data/test", http.NoBody)
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}
