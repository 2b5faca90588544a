package app

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// firstLimit is how many calls a source gets at once before it is known how long
	// they take. From there the limit doubles until they take longer.
	firstLimit = 4
	// shortestWindow is how long calls are watched before the limit changes.
	shortestWindow = 100 * time.Millisecond
	// mostSamples bounds the calls that a window is judged by.
	mostSamples = 1000
	// slowdown is by what factor calls may be slower than usual before that counts as
	// queueing at the source: noise is no reason to call it less.
	slowdown = 1.5
	// windowsPerProbe is how often it is measured again what is usual, which is done
	// also when the limit has halved: by halving it for a window, so that nothing queues.
	windowsPerProbe = 30
	// slowGrowth is by how much the limit grows in a window when the source has refused
	// calls lately.
	slowGrowth = 0.25
)

// limiter sets how many calls of a source may be in flight, between 1 and the configured
// number, by how long they take: a gradient limit as in Netflix's concurrency-limits
// (Performance Under Load, 2018), which is TCP Vegas (Brakmo, Peterson 1995) for calls.
// While the median of a window is as usual, the limit grows by its root; when it is
// slower, because calls queue at the source, the limit shrinks by as much. A call that
// the source refuses because it is busy cuts it by a tenth. Other failures say nothing.
//
// Calls that began before the limit shrank last are not looked at. A few that time out,
// since they wait for a lock, change nothing; when most do, the limit is halved.
type limiter struct {
	set func(limit int)

	mu      sync.Mutex
	most    float64
	limit   float64
	usual   time.Duration // the median when nothing queues; 0: not known yet
	last    time.Duration // median of the window before
	windows int           // since that was measured
	highest float64       // limit since then
	probed  float64       // the limit to return to after this window, which measures it; 0: it does not
	refused bool          // the source refused calls since then
	careful bool          // or in the time before that
	lowered time.Time     // when the limit was, last

	starting bool // they have not taken longer yet

	began time.Time // this window
	took  []time.Duration
	busy  bool // the source refused a call
	peak  int  // calls in flight
}

// newLimiter returns a limiter that calls set with each new limit.
func newLimiter(most int, set func(limit int)) *limiter {
	l := &limiter{set: set, most: float64(most), limit: min(firstLimit, float64(most)), starting: true, began: time.Now()}
	set(int(l.limit))
	return l
}

// lift sets the limit to the configured number for good.
func (l *limiter) lift() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.set = l.most, func(int) {}
}

// ended takes note of a call that has ended, of so many in flight.
func (l *limiter) ended(ctx context.Context, began time.Time, took time.Duration, err error, inFlight int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peak = max(l.peak, inFlight)
	switch {
	case began.Before(l.lowered):
		return
	case errors.Is(err, domain.ErrSourceBusy):
		l.busy = true
	case len(l.took) == mostSamples:
	case timedOut(ctx, err):
		l.took = append(l.took, never)
	case err == nil || errors.Is(err, domain.ErrNotFound) || errors.Is(err, domain.ErrNotModified):
		l.took = append(l.took, took)
	}
	enough := min(max(3, int(l.limit)), 50)
	if now := time.Now(); l.busy || now.Sub(l.began) >= shortestWindow && len(l.took) >= enough {
		before := l.limit
		l.adaptLocked()
		if l.limit < before {
			l.lowered = now
		}
		l.began, l.took, l.busy, l.peak = now, l.took[:0], false, 0
		l.set(int(l.limit))
	}
}

// never is how long a call takes that timed out.
const never = time.Duration(math.MaxInt64)

func timedOut(ctx context.Context, err error) bool {
	return err != nil && (errors.Is(context.Cause(ctx), domain.ErrTimeout) || errors.Is(err, domain.ErrTimeout))
}

func (l *limiter) adaptLocked() {
	median := l.usual
	if len(l.took) > 0 {
		slices.Sort(l.took)
		median = l.took[len(l.took)/2]
	}
	switch {
	case median == never: // it hangs
		l.limit, l.probed, l.starting = max(1, l.limit/2), 0, false
		return
	case l.busy:
		l.limit, l.probed, l.refused, l.careful, l.starting = max(1, 0.9*l.limit), 0, true, true, false
		return
	case l.probed > 0:
		l.endProbeLocked(median)
		return
	case l.usual == 0 || median < l.usual:
		l.usual = median
	}
	used := 2*l.peak > int(l.limit)
	next := l.limit * min(1, max(0.5, slowdown*float64(l.usual)/float64(max(1, median))))
	l.starting = l.starting && next == l.limit
	switch {
	case used && l.starting:
		next *= 2
	case used && l.careful:
		next += slowGrowth
	case used:
		next += math.Sqrt(l.limit)
	}
	l.limit = min(max(1, next), l.most)
	if used {
		l.windows++
	}
	l.last, l.highest = median, max(l.highest, l.limit)
	if l.windows >= windowsPerProbe || 2*l.limit < l.highest {
		l.probed, l.limit = l.limit, max(1, l.limit/2)
	}
}

// endProbeLocked returns to the limit before, unless calls are slower than usual and take
// another time than before it was halved: then it looks at half of the half. They are
// faster if fewer of them queue, and slower if the source has changed just now.
func (l *limiter) endProbeLocked(median time.Duration) {
	slower := float64(median) > slowdown*float64(l.usual)
	steady := slowdown*float64(median) >= float64(l.last) && float64(median) <= slowdown*float64(l.last)
	if slower && !steady && l.limit > 1 {
		l.last, l.limit = median, max(1, l.limit/2)
		return
	}
	l.usual, l.limit, l.probed, l.windows, l.highest = median, l.probed, 0, 0, l.probed
	l.careful, l.refused = l.refused, false
}
