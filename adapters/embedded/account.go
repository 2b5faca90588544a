package embedded

import (
	"fmt"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// charge is what one stored entry costs, and until when.
type charge struct {
	bytes int64
	until int64 // the Unix second in which it is given back
}

// account keeps the sum of the stored bytes that are alive or kept below a bound. It
// does not know the entries, only how many bytes expire in which second, so it
// stays small however many entries there are.
type account struct {
	bound int64

	mu      sync.Mutex
	total   int64
	expires map[int64]int64 // bytes by the second in which they expire
	swept   int64           // seconds up to this one have expired
}

func newAccount(bound int64, now time.Time) *account {
	return &account{bound: bound, expires: map[int64]int64{}, swept: now.Unix()}
}

// replace books next in the place of last (the zero charge for "nothing"),
// or changes nothing and says why next has no room. Nothing always has: the sum
// may be above the bound, if that was lowered before a restart.
func (a *account) replace(last, next charge, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweepLocked(now.Unix())
	if next.bytes > a.bound {
		return fmt.Errorf("embedded layer: %w: %d bytes to store, %d allowed", domain.ErrTooLarge, next.bytes, a.bound)
	}
	a.addLocked(last, -1)
	if next.bytes > 0 && a.total+next.bytes > a.bound {
		a.addLocked(last, +1)
		return fmt.Errorf("embedded layer is full: %d of %d bytes in use", a.total, a.bound)
	}
	a.addLocked(next, +1)
	return nil
}

// force books next in the place of last whether there is room or not.
func (a *account) force(last, next charge) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.addLocked(last, -1)
	a.addLocked(next, +1)
}

// addLocked leaves out what has expired: its second was given back as a whole.
func (a *account) addLocked(c charge, sign int64) {
	if c.bytes == 0 || c.until <= a.swept {
		return
	}
	a.total += sign * c.bytes
	a.expires[c.until] += sign * c.bytes
	if a.expires[c.until] == 0 {
		delete(a.expires, c.until)
	}
}

func (a *account) sweepLocked(now int64) {
	if now-a.swept > int64(len(a.expires)) {
		for second := range a.expires {
			a.giveBackLocked(second, now)
		}
	} else {
		for second := a.swept + 1; second <= now; second++ {
			a.giveBackLocked(second, now)
		}
	}
	a.swept = max(a.swept, now)
}

func (a *account) giveBackLocked(second, now int64) {
	if second <= now {
		a.total -= a.expires[second]
		delete(a.expires, second)
	}
}
