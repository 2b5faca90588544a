package otel

import (
	"errors"
	"log/slog"
	"net/url"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// UseLogger sends what OpenTelemetry itself has to say to log. It has one logger
// for the whole program, so the program sets it, not a Tracing.
func UseLogger(log *slog.Logger) {
	otel.SetLogger(logr.New(sink{log}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { sink{log}.Error(err, "tracing failed") }))
}

// sink leaves out the values that come with a message: they are settings as they
// were given, and headers and URLs of exporters hold passwords.
type sink struct{ log *slog.Logger }

var _ logr.LogSink = sink{}

// warning is the verbosity that OpenTelemetry gives its warnings.
const warning = 1

func (sink) Init(logr.RuntimeInfo)            {}
func (sink) Enabled(int) bool                 { return true }
func (s sink) WithValues(...any) logr.LogSink { return s }
func (s sink) WithName(string) logr.LogSink   { return s }

func (s sink) Info(level int, msg string, _ ...any) {
	if level <= warning {
		s.log.Warn("opentelemetry: " + msg)
		return
	}
	s.log.Debug("opentelemetry: " + msg)
}

func (s sink) Error(err error, msg string, _ ...any) {
	s.log.Warn("opentelemetry: "+msg, "err", withoutURL(err))
}

// withoutURL takes off the URL that net/url and net/http put before their errors,
// and of one that cannot be parsed all of the reason: it quotes parts.
func withoutURL(err error) error {
	var quoting *url.Error
	switch {
	case !errors.As(err, &quoting):
		return err
	case quoting.Op == "parse":
		return errors.New("the URL cannot be parsed")
	}
	return quoting.Err
}
