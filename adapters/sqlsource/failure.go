package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// translate says in the words of the domain why a statement failed. What it returns
// has nothing of the SQL, the DSN or the data; the log has the driver's words.
func (s *Source) translate(ctx context.Context, err error, why diagnosis) error {
	if errors.Is(err, domain.ErrSourceFailed) {
		s.log.failure(ctx, "query", err)
		return err // found by the collector
	}
	if why.lost && ctx.Err() == nil {
		s.dropIdle()
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", domain.ErrTimeout, context.Cause(ctx))
	case ctx.Err() != nil:
		return fmt.Errorf("load given up: %w", context.Cause(ctx))
	case why.missing:
		return domain.ErrNotFound
	}
	s.log.failure(ctx, why.code, err)
	switch {
	case why.timeout:
		return fmt.Errorf("%w: %s", domain.ErrTimeout, why.code)
	case why.large:
		return domain.ErrSourceTooLarge
	}
	if why.busy {
		return fmt.Errorf("%w: %s", domain.ErrSourceBusy, why.code)
	}
	return fmt.Errorf("%w: %s", domain.ErrSourceFailed, why.code)
}

// quietTime is how long a failure is not logged again.
const quietTime = time.Second

// failureLog writes what drivers say, once for each kind of failure in a while.
type failureLog struct {
	log     *slog.Logger
	secrets []string

	mu    sync.Mutex
	times map[string]time.Time // by code
}

func (l *failureLog) failure(ctx context.Context, code string, err error) {
	if l.isNew(code) {
		l.log.WarnContext(ctx, "sql source failed", "code", code, "error", l.redacted(err.Error()))
	}
}

func (l *failureLog) isNew(code string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.times[code]; ok && time.Since(last) < quietTime {
		return false
	}
	if l.times == nil {
		l.times = make(map[string]time.Time)
	}
	l.times[code] = time.Now()
	return true
}

func (l *failureLog) redacted(s string) string {
	for _, secret := range l.secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[redacted]")
		}
	}
	return s
}

// errNoRows: the query is not one that selects.
var errNoRows = fmt.Errorf("%w: the query does not return rows", domain.ErrSourceFailed)
