package otel

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.39.0"
	"go.opentelemetry.io/otel/trace"
)

// Middleware makes a span of each HTTP request, which continues the trace that the
// request brings (W3C Trace Context). secure says that requests come by TLS. Nil when
// nothing is traced.
//
// What a span says is gathered only where it is recorded, since most are not.
func (t *Tracing) Middleware(secure bool) gin.HandlerFunc {
	if t == nil {
		return nil
	}
	brought := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	scheme := semconv.URLScheme("http")
	if secure {
		scheme = semconv.URLScheme("https")
	}
	return func(c *gin.Context) {
		ctx := brought.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
		ctx, span := t.tracer.Start(ctx, strings.TrimSpace(c.Request.Method+" "+c.FullPath()), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		// Also where nothing is recorded: what is called must not begin a trace of its own.
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		if span.IsRecording() {
			span.SetAttributes(scheme)
			span.SetAttributes(exchanged(c)...)
			if c.Writer.Status() >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
		}
	}
}

// exchanged are the attributes of a request and its answer (OpenTelemetry, Semantic
// Conventions for HTTP Spans).
func exchanged(c *gin.Context) []attribute.KeyValue {
	r := c.Request
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	all := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLPath(r.URL.Path), semconv.ServerAddress(host),
		semconv.HTTPResponseStatusCode(c.Writer.Status()), semconv.HTTPResponseBodySize(max(0, c.Writer.Size())),
		semconv.UserAgentOriginal(r.UserAgent()), semconv.ClientAddress(c.ClientIP()),
	}
	if route := c.FullPath(); route != "" {
		all = append(all, semconv.HTTPRoute(route))
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		all = append(all, semconv.NetworkPeerAddress(peer.Addr().String()), semconv.NetworkPeerPort(int(peer.Port())))
	}
	return all
}
