package otel_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/mocks"
)

// traced is a Tracing and the spans that it made.
func traced(t *testing.T) (*otel.Tracing, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tracing, err := otel.New(t.Context(), sdktrace.WithSpanProcessor(spans), "v9")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tracing.Close(context.Background())) })
	return tracing, spans
}

func key(t *testing.T) domain.Key {
	t.Helper()
	k, err := domain.ParseKey("k")
	require.NoError(t, err)
	return k
}

func attributeOf(s sdktrace.ReadOnlySpan, name string) attribute.Value {
	for _, a := range s.Attributes() {
		if string(a.Key) == name {
			return a.Value
		}
	}
	return attribute.Value{}
}

// forgetVariables removes what the user's own environment says, for the test.
func forgetVariables(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

func TestNothingIsWrappedWhenNothingIsTraced(t *testing.T) {
	forgetVariables(t)
	off, err := otel.FromEnvironment(t.Context(), "v9")
	require.NoError(t, err)
	require.Nil(t, off)
	store, locker, source := mocks.NewL2Store(t), mocks.NewLocker(t), mocks.NewSource(t)
	require.Same(t, store, off.L2Store(store))
	require.Same(t, locker, off.Locker(locker))
	require.Same(t, source, off.Source(source))
	require.Nil(t, off.Middleware(false))
	require.NoError(t, off.Close(t.Context()))
}

func TestTheStandardVariablesTurnItOnAndOff(t *testing.T) {
	forgetVariables(t)
	for name, c := range map[string]struct {
		env map[string]string
		on  bool
	}{
		"an endpoint":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true},
		"one for traces":      {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, true},
		"an exporter":         {map[string]string{"OTEL_TRACES_EXPORTER": "console"}, true},
		"by gRPC":             {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
		"none":                {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false},
		"disabled altogether": {map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			tracing, err := otel.FromEnvironment(t.Context(), "v9")
			require.NoError(t, err)
			require.Equal(t, c.on, tracing != nil)
			require.NoError(t, tracing.Close(t.Context()))
		})
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
	_, err := otel.FromEnvironment(t.Context(), "v9")
	require.ErrorContains(t, err, `OTEL_TRACES_EXPORTER is "carrier-pigeon"`)
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
	_, err = otel.FromEnvironment(t.Context(), "v9")
	require.ErrorContains(t, err, `OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"`)
}

func TestACallForManyKeysIsOneSpan(t *testing.T) {
	tracing, spans := traced(t)
	source, k := mocks.NewBatchSource(t), key(t)
	source.EXPECT().Batch().Return(7, time.Second)
	source.EXPECT().LoadMany(mock.Anything, []domain.Key{k, k}).Return(make([]ports.Loaded, 2))
	many, ok := tracing.Source(source).(ports.BatchSource)
	require.True(t, ok, "it still loads many keys in a call")
	keys, wait := many.Batch()
	require.Equal(t, 7, keys)
	require.Equal(t, time.Second, wait)
	require.Len(t, many.LoadMany(t.Context(), []domain.Key{k, k}), 2)
	require.Len(t, spans.Ended(), 1)
	require.Equal(t, "source call", spans.Ended()[0].Name())
	require.EqualValues(t, 2, attributeOf(spans.Ended()[0], "mlcache.keys").AsInt64())
}

func TestEachCallIsASpanThatSaysHowItWent(t *testing.T) {
	tracing, spans := traced(t)
	k, lease, boom := key(t), ports.Lease{Token: "x"}, errors.New("boom")
	store, locker, source := mocks.NewL2Store(t), mocks.NewLocker(t), mocks.NewSource(t)
	e := domain.NewEntry(domain.Value{Body: "value"}, time.Second, 0)
	store.EXPECT().Get(mock.Anything, k).Return(domain.Copy{Entry: e}, true, nil)
	store.EXPECT().GetMany(mock.Anything, []domain.Key{k, k}).Return(make([]ports.Found, 2))
	store.EXPECT().Fill(mock.Anything, k, e, lease).Return(domain.ErrLeaseLost)
	store.EXPECT().Put(mock.Anything, k, e).Return(boom)
	store.EXPECT().Invalidate(mock.Anything, k, mock.Anything).Return(nil)
	failed := ports.Ending{Failure: boom}
	locker.EXPECT().Acquire(mock.Anything, k).Return(ports.Lease{}, domain.ErrLeaseHeld).Once()
	locker.EXPECT().Acquire(mock.Anything, k).Return(ports.Lease{}, domain.ErrTimeout).Once()
	locker.EXPECT().Await(mock.Anything, k).Return(ports.Ending{Entry: e}, nil).Once()
	locker.EXPECT().Await(mock.Anything, k).Return(ports.Ending{Unshared: true}, nil).Once()
	locker.EXPECT().Release(mock.Anything, k, lease, failed).Return(nil)
	source.EXPECT().Load(mock.Anything, k, domain.Validator{}).Return(domain.Value{}, domain.ErrNotFound)
	held := domain.Validator{ETag: `"held"`}
	source.EXPECT().Load(mock.Anything, k, held).Return(domain.Value{}, domain.ErrNotModified)

	s, l := tracing.L2Store(store), tracing.Locker(locker)
	c, ok, err := s.Get(t.Context(), k)
	require.Equal(t, domain.Copy{Entry: e}, c)
	require.True(t, ok)
	require.NoError(t, err)
	require.Len(t, s.GetMany(t.Context(), []domain.Key{k, k}), 2)
	require.ErrorIs(t, s.Fill(t.Context(), k, e, lease), domain.ErrLeaseLost)
	require.ErrorIs(t, s.Put(t.Context(), k, e), boom)
	require.NoError(t, s.Invalidate(t.Context(), k, domain.Invalidation{}))
	_, err = l.Acquire(t.Context(), k)
	require.ErrorIs(t, err, domain.ErrLeaseHeld)
	_, err = l.Acquire(t.Context(), k)
	require.ErrorIs(t, err, domain.ErrTimeout)
	for _, want := range []ports.Ending{{Entry: e}, {Unshared: true}} {
		ending, err := l.Await(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, want, ending)
	}
	require.NoError(t, l.Release(t.Context(), k, lease, failed))
	_, err = tracing.Source(source).Load(t.Context(), k, domain.Validator{})
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = tracing.Source(source).Load(t.Context(), k, held)
	require.ErrorIs(t, err, domain.ErrNotModified)

	var names []string
	for _, span := range spans.Ended() {
		names = append(names, span.Name())
		require.Equal(t, span.Name() == "l2 put", span.Status().Code == codes.Error, span.Name())
	}
	require.Equal(t, []string{"l2 get", "l2 get many", "l2 fill", "l2 put", "l2 invalidate", "lease acquire", "lease acquire", "lease wait", "lease wait", "lease release", "source call", "source call"}, names)
	for i, want := range []string{"", "timeout", "entry", "unshared", "failed"} {
		require.Equal(t, want, attributeOf(spans.Ended()[5+i], "mlcache.ending").AsString())
	}
	require.Equal(t, domain.ErrLeaseHeld.Error(), attributeOf(spans.Ended()[5], "mlcache.result").AsString())
	require.True(t, attributeOf(spans.Ended()[0], "mlcache.hit").AsBool())
	require.EqualValues(t, 2, attributeOf(spans.Ended()[1], "mlcache.keys").AsInt64())
	require.Equal(t, domain.ErrLeaseLost.Error(), attributeOf(spans.Ended()[2], "mlcache.result").AsString())
}

// useCase answers as the test says; the first request calls the source.
type useCase struct {
	otel.Cache
	source ports.Source
	load   context.Context // of the first request
}

func (u *useCase) GetWith(ctx context.Context, key domain.Key, _ domain.Constraints) (domain.Answer, error) {
	if u.load == nil {
		u.load = ctx
		_, err := u.source.Load(context.WithoutCancel(ctx), key, domain.Validator{})
		return domain.Answer{Outcome: domain.Loaded, Load: ctx}, err
	}
	return domain.Answer{Outcome: domain.Coalesced, Load: u.load}, nil
}

func (u *useCase) GetMany(context.Context, []domain.Key, func(*domain.Entry) error) []domain.Result {
	return []domain.Result{{Answer: domain.Answer{Outcome: domain.Coalesced, Load: u.load}}, {Answer: domain.Answer{Outcome: domain.L1Hit}}}
}

func TestRequestsThatShareALoadAreLinkedToTheCallOfTheSource(t *testing.T) {
	tracing, spans := traced(t)
	source := mocks.NewSource(t)
	source.EXPECT().Load(mock.Anything, mock.Anything, mock.Anything).Return(domain.Value{Body: "v"}, nil).Once()
	cache := tracing.Cache(&useCase{source: tracing.Source(source)})
	k := key(t)

	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(tracing.Middleware(false))
	engine.GET("/data/*key", func(c *gin.Context) { _, _ = cache.GetWith(c.Request.Context(), k, domain.Constraints{}) })
	engine.POST("/batch", func(c *gin.Context) { cache.GetMany(c.Request.Context(), []domain.Key{k, k}, nil) })
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, r := range []*http.Request{
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/data/k", http.NoBody),
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/data/k", http.NoBody),
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/batch", http.NoBody),
	} {
		if len(spans.Ended()) > 0 {
			r.Header.Set("traceparent", "00-"+parent+"-00f067aa0ba902b7-01")
		}
		engine.ServeHTTP(httptest.NewRecorder(), r)
	}

	ended := spans.Ended()
	require.Len(t, ended, 4)
	call, first, waiter, batch := ended[0], ended[1], ended[2], ended[3]
	require.Equal(t, "source call", call.Name())
	require.Equal(t, first.SpanContext().SpanID(), call.Parent().SpanID())
	require.Equal(t, "loaded", attributeOf(first, "mlcache.outcome").AsString())
	require.Equal(t, "k", attributeOf(first, "mlcache.key").AsString())
	require.Empty(t, first.Links())
	for _, span := range []sdktrace.ReadOnlySpan{waiter, batch} {
		require.Equal(t, parent, span.SpanContext().TraceID().String(), "it continues the trace of the request")
		require.Equal(t, trace.SpanKindServer, span.SpanKind())
		require.Len(t, span.Links(), 1)
		require.Equal(t, call.SpanContext(), span.Links()[0].SpanContext)
	}
}
