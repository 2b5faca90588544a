package embedded

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// slogger lets Badger speak through slog, a degree lower than it would like to:
// whatever it meets costs this service no more than a miss.
type slogger struct{ to *slog.Logger }

var _ badger.Logger = slogger{}

func badgerLogger(l *slog.Logger) badger.Logger {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return slogger{to: l.With("part", "badger")}
}

func (s slogger) Errorf(format string, args ...any)   { s.to.Warn(line(format, args)) }
func (s slogger) Warningf(format string, args ...any) { s.to.Warn(line(format, args)) }
func (s slogger) Infof(format string, args ...any)    { s.to.Debug(line(format, args)) }
func (s slogger) Debugf(format string, args ...any)   { s.to.Debug(line(format, args)) }

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
