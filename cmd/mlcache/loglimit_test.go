package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFloodOfWarningsIsAFewLinesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(newLimitedLog(slog.NewTextHandler(&out, nil)))
		count := func(message string) int { return strings.Count(out.String(), "msg="+message) }
		for range 1000 {
			log.With("key", "k").Warn("flood")
			log.WithGroup("g").Error("flood")
			log.Info("chatter")
		}
		log.Warn("other")
		require.Equal(t, linesPerSecond, count("flood"))
		require.Equal(t, 1000, count("chatter"))
		require.Equal(t, 1, count("other"))
		require.NotContains(t, out.String(), "left_out")

		time.Sleep(time.Second)
		log.Warn("flood")
		require.Contains(t, out.String(), "msg=flood left_out=1990\n")
		time.Sleep(time.Second)
		out.Reset()
		log.Warn("flood")
		require.NotContains(t, out.String(), "left_out")
	})
}
