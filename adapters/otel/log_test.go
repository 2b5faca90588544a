package otel_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	global "go.opentelemetry.io/otel"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
)

// captured returns what the process logs as OpenTelemetry's.
func captured(t *testing.T) *strings.Builder {
	t.Helper()
	var out strings.Builder
	otel.UseLogger(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { otel.UseLogger(slog.New(slog.DiscardHandler)) })
	return &out
}

func TestErrorsOfOpenTelemetryGoToTheLog(t *testing.T) {
	out := captured(t)
	global.Handle(fmt.Errorf("traces export: %w", errors.New("boom")))
	require.Contains(t, out.String(), `level=WARN msg="opentelemetry: tracing failed" err="traces export: boom"`)
}

func TestErrorsOfOpenTelemetryShowNoSecret(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:hunter2@localhost:port",
		"OTEL_EXPORTER_OTLP_HEADERS":  "hunter2,authorization=Bearer%20hunter2%zz",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
			t.Setenv(name, value)
			out := captured(t)
			tracing, err := otel.FromEnvironment(t.Context(), "v9")
			if err != nil {
				require.NotContains(t, err.Error(), "hunter2")
			} else {
				require.NoError(t, tracing.Close(t.Context()))
			}
			require.Contains(t, out.String(), "msg=\"opentelemetry: ")
			require.NotContains(t, out.String(), "hunter2")
		})
	}
	out := captured(t)
	global.Handle(&url.Error{Op: "parse", URL: "http://u:hunter2@h", Err: errors.New(`invalid port ":hunter2" after host`)})
	_, err := (&http.Client{}).Get("foo://u:hunter2@localhost")
	global.Handle(fmt.Errorf("traces export: %w", err))
	require.NotContains(t, out.String(), "hunter2")
	require.Contains(t, out.String(), "unsupported protocol scheme")
}
