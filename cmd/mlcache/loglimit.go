package main

import (
	"context"
	"log/slog"
	"sync"

	"golang.org/x/time/rate"
)

// Of each message that warns, this many lines a second are written: what an origin
// or a client can cause any number of times must not fill the disk.
const linesPerSecond = 10

// limitedLog leaves out lines of messages that come too often. The next line with
// the same message says how many.
type limitedLog struct {
	slog.Handler
	limits *logLimits
}

func newLimitedLog(h slog.Handler) limitedLog {
	return limitedLog{h, &logLimits{messages: map[string]*logLimit{}}}
}

// logLimits are those of all messages. There are as many as the program has texts.
type logLimits struct {
	mu       sync.Mutex
	messages map[string]*logLimit
}

type logLimit struct {
	*rate.Limiter
	leftOut int // guarded by logLimits.mu
}

// admit reports whether a line with this message may be written, and if so how
// many were left out before it.
func (ls *logLimits) admit(message string) (leftOut int, ok bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.messages[message]
	if l == nil {
		l = &logLimit{Limiter: rate.NewLimiter(linesPerSecond, linesPerSecond)}
		ls.messages[message] = l
	}
	if !l.Allow() {
		l.leftOut++
		return 0, false
	}
	leftOut, l.leftOut = l.leftOut, 0
	return leftOut, true
}

func (h limitedLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		leftOut, ok := h.limits.admit(r.Message)
		if !ok {
			return nil
		}
		if leftOut > 0 {
			r.AddAttrs(slog.Int("left_out", leftOut))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h limitedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limitedLog{h.Handler.WithAttrs(attrs), h.limits}
}

func (h limitedLog) WithGroup(name string) slog.Handler {
	return limitedLog{h.Handler.WithGroup(name), h.limits}
}
