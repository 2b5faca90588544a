package main

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/otel"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis"
)

func newLogger(cfg Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // validated
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: readable}
	if cfg.LogFormat == "json" {
		return slog.New(requestLog{slog.NewJSONHandler(w, opts)})
	}
	return slog.New(requestLog{slog.NewTextHandler(w, opts)})
}

// readable writes durations as text, 1.5s, in JSON too.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// useEverywhere makes log the logger of the libraries that have one for the whole
// program, so that all lines of the program are in one format. What they write
// by the log package of the standard library appears at debug level.
func useEverywhere(log *slog.Logger) {
	redis.UseLogger(log)
	otel.UseLogger(log)
	slog.SetLogLoggerLevel(slog.LevelDebug)
	slog.SetDefault(log)
}

// loggedError is an error that the log shows already.
type loggedError struct{ error }

// Unwrap returns the error that was logged.
func (e loggedError) Unwrap() error { return e.error }

// requestLog adds to each line which request it is about.
type requestLog struct{ slog.Handler }

func (h requestLog) Handle(ctx context.Context, r slog.Record) error {
	if id := httpapi.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestLog{h.Handler.WithAttrs(attrs)}
}
func (h requestLog) WithGroup(name string) slog.Handler { return requestLog{h.Handler.WithGroup(name)} }
