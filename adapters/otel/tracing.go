// Package otel traces what requests wait for, with OpenTelemetry: it puts spans
// around the ports, so that neither the use case nor the other adapters know of
// it. What is not wrapped costs nothing.
package otel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/multi-layer-cache/multi-layer-cache"

// service is what spans say they are of, unless OTEL_SERVICE_NAME says otherwise.
const service = "mlcache"

// Tracing makes spans. Its zero value, and nil, make none. It is safe for
// concurrent use.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// FromEnvironment returns a Tracing that exports as the standard variables say
// (OpenTelemetry, Environment Variable Specification): it is on when
// OTEL_TRACES_EXPORTER or an OTLP endpoint is set. Nil when it is off.
func FromEnvironment(ctx context.Context, version string) (*Tracing, error) {
	if !wanted() {
		return nil, nil //nolint:nilnil // nil is a Tracing that does nothing
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, err
	}
	return New(ctx, sdktrace.WithBatcher(exporter), version)
}

// New returns a Tracing that hands its spans to where says.
func New(ctx context.Context, where sdktrace.TracerProviderOption, version string) (*Tracing, error) {
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider(where, sdktrace.WithResource(about))
	return &Tracing{provider, provider.Tracer(scope, trace.WithInstrumentationVersion(version))}, nil
}

// Close exports what is left, for as long as ctx lasts.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// during runs do in a span. ends says which errors are no failures.
func (t *Tracing) during(ctx context.Context, name string, do func(ctx context.Context, span trace.Span) error, expected ...error) {
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	err := do(ctx, span)
	if err == nil {
		return
	}
	for _, e := range expected {
		if errors.Is(err, e) {
			span.SetAttributes(attribute.String("mlcache.result", e.Error()))
			return
		}
	}
	span.SetStatus(codes.Error, err.Error())
}
