package main

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestASmallHeapIsNotCollectedAllTheTime(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	reserved := limitMemory(Config{L1MaxBytes: 64 << 20}, slog.New(slog.DiscardHandler))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	collected := m.NumGC
	garbage := ""
	for range reserve >> 10 {
		garbage = strings.Repeat("x", 1<<10)
	}
	runtime.ReadMemStats(&m)
	assert.LessOrEqual(t, m.NumGC-collected, uint32(1))
	runtime.KeepAlive(garbage)
	runtime.KeepAlive(reserved)
}

func TestTheReserveIsNotTakenFromALimitThatIsGiven(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "64MiB")
	before := debug.SetMemoryLimit(-1)
	assert.Empty(t, limitMemory(Config{}, slog.New(slog.DiscardHandler)))
	assert.Equal(t, before, debug.SetMemoryLimit(-1))
}
