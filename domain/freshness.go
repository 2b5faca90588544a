package domain

import "time"

// Copy is an entry as one layer holds it at one moment. Life travels as
// remaining time, never as a time of day, so that no clock of one machine is
// compared with another's.
type Copy struct {
	Entry *Entry
	// Left is the remaining life when the copy was handed out. At zero and
	// below the copy is stale, for that long.
	Left time.Duration
}

// Fresh reports whether the copy is within its life.
func (c Copy) Fresh() bool { return c.Entry != nil && c.Left > 0 }

// UsableStale reports whether the copy is past its life by less than window.
func (c Copy) UsableStale(window time.Duration) bool {
	return c.Entry != nil && c.Left <= 0 && -c.Left < window
}

// Age returns how long ago the entry was loaded, as far as its remaining life
// tells. It is never negative.
func (c Copy) Age() time.Duration { return max(0, c.Entry.TTL()-c.Left) }

// After returns the copy as it is d later.
func (c Copy) After(d time.Duration) Copy { return Copy{Entry: c.Entry, Left: c.Left - d} }

// Jittered returns ttl less up to the given fraction of it, so that entries
// loaded together do not expire together. at, in [0, 1), says where in that
// range the result lies.
func Jittered(ttl time.Duration, fraction, at float64) time.Duration {
	return ttl - time.Duration(fraction*at*float64(ttl))
}
