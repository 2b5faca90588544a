package domain

import "time"

// Constraints are what a request asks of the freshness of its answer: the request
// directives of Cache-Control (RFC 9111, section 5.2.1; RFC 5861, section 4) and
// the preference to wait (RFC 7240, section 4.3). The zero Constraints take whatever
// the cache answers by itself. Durations are bounds, and none if they are 0.
type Constraints struct {
	NoCache      bool // only a value whose load began after the request came
	NoStore      bool // what is loaded for it is stored nowhere
	OnlyIfCached bool // nothing is loaded for it

	MaxAge   time.Duration // no copy that was loaded longer ago
	MinFresh time.Duration // no copy with a shorter remaining TTL
	MaxStale time.Duration // also a copy that expired more recently
	// MinVersion asks for a copy with this version at least. One with a lower version, or
	// none, is reloaded once: what that brings is the answer.
	MinVersion uint64
	// StaleIfError is how long after it expired a copy may answer when the load
	// fails, in place of what is usual; below 0: not at all.
	StaleIfError time.Duration
	// Wait is how long to wait for a load.
	Wait time.Duration
	// Within bounds how often such requests cause a load: a fresh copy whose load
	// began at most this long before the request meets what NoCache, MaxAge, MinFresh
	// and MinVersion ask for, and after a load for NoStore the next one begins no sooner.
	Within time.Duration
}

// Meets reports whether c answers the request without a load.
func (d Constraints) Meets(c Copy) bool {
	switch {
	case c.Entry == nil:
		return false
	case d.Within > 0 && !d.OnlyIfCached && c.Fresh() && c.LoadAge() <= d.Within:
		return true
	case d.NoCache:
		return false
	case c.Entry.Version() < d.MinVersion:
		return false
	case d.MaxAge > 0 && c.Age() > d.MaxAge:
		return false
	case !c.Fresh():
		return d.MinFresh == 0 && c.UsableStale(d.MaxStale)
	}
	return c.Remaining >= d.MinFresh
}

// Strict reports whether a fresh copy may still not do.
func (d Constraints) Strict() bool {
	return d.NoCache || d.MaxAge > 0 || d.MinFresh > 0 || d.MinVersion > 0
}

// ByLoadAlone reports whether no copy does that was loaded before the request came.
func (d Constraints) ByLoadAlone() bool { return d.NoCache && d.Within == 0 && !d.OnlyIfCached }

// StaleWindow returns how long after it expired a copy may answer when the load
// failed, if that is usual when nothing is said. A strict request takes no such copy
// unless it says so.
func (d Constraints) StaleWindow(usual time.Duration) time.Duration {
	switch {
	case d.StaleIfError != 0:
		return max(0, d.StaleIfError)
	case d.Strict():
		return 0
	}
	return usual
}
