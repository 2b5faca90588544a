package main

import (
	"errors"
	"log"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
)

func TestLibrariesWriteToTheLogInItsFormat(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { useEverywhere(before) })
	var out strings.Builder
	useEverywhere(newLogger(Config{LogLevel: "debug", LogFormat: "json"}, &out))
	log.Print("from net/http, for example")
	otel.Handle(errors.New("boom"))
	require.Contains(t, out.String(), `"level":"DEBUG","msg":"from net/http, for example"`)
	require.Contains(t, out.String(), `"level":"WARN","msg":"opentelemetry: `)
}

func TestDurationsAreTextInBothFormats(t *testing.T) {
	for format, want := range map[string]string{"json": `"took":"1.5s","g":{"took":"20ms"}`, "text": "took=1.5s g.took=20ms"} {
		var out strings.Builder
		newLogger(Config{LogLevel: "info", LogFormat: format}, &out).Info("x", "took", 1500*time.Millisecond, slog.Group("g", "took", 20*time.Millisecond))
		require.Contains(t, out.String(), want)
	}
}
