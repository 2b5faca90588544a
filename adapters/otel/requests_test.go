package otel_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports/mocks"
)

// handler answers GET /data/k by a call of the source, and GET /broken by 502.
func handler(t *testing.T, tracing *otel.Tracing, secure bool) http.Handler {
	t.Helper()
	source := mocks.NewSource(t)
	source.EXPECT().Load(mock.Anything, mock.Anything, mock.Anything).Return(domain.Value{Body: "v"}, nil).Maybe()
	calls := tracing.Source(source)
	k := key(t)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(tracing.Middleware(secure))
	engine.GET("/data/*key", func(c *gin.Context) {
		v, err := calls.Load(c.Request.Context(), k, domain.Validator{})
		if err != nil {
			c.Status(http.StatusBadGateway)
			return
		}
		c.String(http.StatusOK, v.Body)
	})
	engine.GET("/broken", func(c *gin.Context) { c.Status(http.StatusBadGateway) })
	return engine
}

func get(t *testing.T, h http.Handler, path string, header ...string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	r.RemoteAddr, r.Host = "192.0.2.7:4711", "cache.example:8000"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
}

func TestTheSpanOfARequestSaysWhatWasAskedAndAnswered(t *testing.T) {
	tracing, spans := traced(t)
	get(t, handler(t, tracing, true), "/data/a/b", "User-Agent", "curl/8")
	span := spans.Ended()[1] // after the call of the source
	require.Equal(t, "GET /data/*key", span.Name())
	require.Equal(t, trace.SpanKindServer, span.SpanKind())
	require.Equal(t, codes.Unset, span.Status().Code)
	got := make(map[string]any)
	for _, a := range span.Attributes() {
		got[string(a.Key)] = a.Value.AsInterface()
	}
	require.Equal(t, map[string]any{
		"http.request.method": "GET", "url.scheme": "https", "url.path": "/data/a/b", "http.route": "/data/*key",
		"server.address": "cache.example", "client.address": "192.0.2.7", "user_agent.original": "curl/8",
		"network.peer.address": "192.0.2.7", "network.peer.port": int64(4711),
		"http.response.status_code": int64(200), "http.response.body.size": int64(1),
	}, got)
}

func TestTheSpanOfARequestFailsWithItsAnswer(t *testing.T) {
	tracing, spans := traced(t)
	h := handler(t, tracing, false)
	get(t, h, "/broken")
	get(t, h, "/nowhere")
	broken, nowhere := spans.Ended()[0], spans.Ended()[1]
	require.Equal(t, codes.Error, broken.Status().Code)
	require.Equal(t, "http", attributeOf(broken, "url.scheme").AsString())
	require.Equal(t, codes.Unset, nowhere.Status().Code, "404 is not the service's fault")
	require.Equal(t, "GET", nowhere.Name())
}

// What a request that is not sampled calls must not begin traces of its own.
func TestARequestThatIsNotSampledHasNoSpanAtAll(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_on")
	tracing, spans := traced(t)
	get(t, handler(t, tracing, false), "/data/k", "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
	require.Empty(t, spans.Ended())

	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0")
	tracing, spans = traced(t)
	h := handler(t, tracing, false)
	get(t, h, "/data/k")
	require.Empty(t, spans.Ended())
	get(t, h, "/data/k", "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	require.Len(t, spans.Ended(), 2)
}
