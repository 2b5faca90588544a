package app

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// fewFailures in a row never open a breaker.
	fewFailures = 20
	// longestBackoff is the longest backoff, in multiples of the shortest.
	longestBackoff = 16
)

// backoff is how long something that has failed for that long already is left alone:
// just as long again, so that the waits double, within bounds.
func backoff(shortest, failing time.Duration) time.Duration {
	return min(max(shortest, failing), longestBackoff*shortest)
}

// breaker is a circuit breaker (Nygard, Release It!, 2007) of a source. It opens when
// as many loads have failed in a row as may be in flight, over at least the cool-down
// of a key. While it is open, loads fail at once, but for one from time to time that
// finds out whether the source is back.
type breaker struct {
	trip     int
	shortest time.Duration // 0: it never opens
	probe    time.Duration // how long the one load may take

	mu     sync.Mutex
	failed int       // loads in a row
	since  time.Time // when the first of them ended
	until  time.Time // no load begins before; zero: it is closed
}

var errOpen = fmt.Errorf("%w: it is not called, since it has failed for long", domain.ErrSourceFailed)

func newBreaker(o Options) *breaker {
	return &breaker{trip: max(fewFailures, o.SourceConcurrency), shortest: o.FailureCooldown, probe: o.SourceTimeout}
}

// admit reports whether a load may begin, and whether it is the one that finds out.
func (b *breaker) admit() (probes, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch {
	case b.until.IsZero():
		return false, true
	case now.Before(b.until):
		return false, false
	}
	b.until = now.Add(b.probe)
	return true, true
}

// ended notes how a load that was admitted ended, and reports whether the breaker was
// open before and is now.
func (b *breaker) ended(err error, probes bool) (was, is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was = !b.until.IsZero()
	b.noteLocked(err, probes, time.Now())
	return was, !b.until.IsZero()
}

func (b *breaker) noteLocked(err error, probes bool, now time.Time) {
	switch {
	case err == nil || errors.Is(err, domain.ErrWithdrawn) || errors.Is(err, domain.ErrSourceTooLarge): // it has answered
		b.failed, b.until = 0, time.Time{}
		return
	case !domain.IsLoadFailure(err): // says nothing of the source
		if probes { // the next one finds out
			b.until = now
		}
		return
	}
	if b.failed == 0 {
		b.since = now
	}
	b.failed++
	if failing := now.Sub(b.since); b.shortest > 0 && b.failed >= b.trip && failing >= b.shortest {
		b.until = now.Add(backoff(b.shortest, failing))
	}
}

// failing reports whether the last load failed.
func (b *breaker) failing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed > 0
}
