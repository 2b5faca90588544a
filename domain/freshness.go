package domain

import (
	"math"
	"time"
)

// Copy is an entry as one layer holds it at one moment. A TTL
// travels as remaining time, never as a time of day, so that no clock of one machine
// is compared with another's.
type Copy struct {
	Entry *Entry
	// Remaining is the remaining TTL when the copy was handed out. At zero and
	// below the copy is stale, for that long.
	Remaining time.Duration
	// Withheld is how much more of the TTL remains, but is not to be relied on.
	Withheld time.Duration
	// Unverified says that an invalidation may have been missed since the layer got
	// the copy. Only a farther layer can tell whether it is still right.
	Unverified bool
}

// Fresh reports whether the copy has not expired.
func (c Copy) Fresh() bool { return c.Entry != nil && c.Remaining > 0 }

// UsableStale reports whether the copy expired less than window ago.
func (c Copy) UsableStale(window time.Duration) bool {
	return c.Entry != nil && c.Remaining <= 0 && -c.Remaining < window
}

// Age returns how long ago the entry was loaded, as far as its remaining TTL
// tells. It is never negative.
func (c Copy) Age() time.Duration { return max(0, c.Entry.TTL()-c.Remaining-c.Withheld) }

// Within returns the copy as one that expires when it is of that age, at the latest.
func (c Copy) Within(age time.Duration) Copy {
	if shorter := c.Remaining - (age - c.Age()); shorter > 0 {
		c.Remaining, c.Withheld = c.Remaining-shorter, c.Withheld+shorter
	}
	return c
}

// Whole returns the copy with all that its TTL leaves it.
func (c Copy) Whole() Copy {
	c.Remaining, c.Withheld = c.Remaining+c.Withheld, 0
	return c
}

// LoadAge returns how long ago the load of the entry began. A value that was
// written instead counts as loaded at once.
func (c Copy) LoadAge() time.Duration { return c.Age() + c.Entry.LoadTime() }

// After returns the copy as it is d later.
func (c Copy) After(d time.Duration) Copy {
	c.Remaining -= d
	return c
}

// Jittered returns ttl less up to the given fraction of it, so that entries
// loaded together do not expire together. at, in [0, 1), says where in that
// range the result lies.
func Jittered(ttl time.Duration, fraction, at float64) time.Duration {
	return ttl - time.Duration(fraction*at*float64(ttl))
}

// RefreshDue reports whether a copy should be reloaded before it expires, so
// that nobody waits for the load then. It is the rule of XFetch (Vattani,
// Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention,
// VLDB 2015): the longer the last load took and the shorter the remaining TTL,
// the more likely. draw is an exponentially distributed random number with mean 1. A
// beta above 1 refreshes earlier, one below 1 later, and 0 never.
func (c Copy) RefreshDue(beta, draw float64) bool {
	return c.Entry != nil && float64(c.Entry.LoadTime())*beta*draw > float64(max(0, c.Remaining))
}

// RefreshChance returns how likely RefreshDue is true, over all draws.
func (c Copy) RefreshChance(beta float64) float64 {
	if c.Entry == nil || c.Entry.LoadTime() == 0 || beta == 0 {
		return 0
	}
	return math.Exp(-float64(max(0, c.Remaining)) / (float64(c.Entry.LoadTime()) * beta))
}
