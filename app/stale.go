package app

import (
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// mayServeStale reports whether c answers at once while it is reloaded.
func (s *Service) mayServeStale(c domain.Copy) bool {
	return c.UsableStale(s.opts.StaleWhile) && s.trusts(c)
}

// patience is how long a request waits for a load, 0 for as long as it may: no longer
// than SoftTimeout if held answers when the load fails.
func (s *Service) patience(held domain.Copy, d domain.Constraints) time.Duration {
	soft := s.opts.SoftTimeout
	if soft == 0 || d.Wait > 0 && d.Wait < soft || !held.UsableStale(d.StaleWindow(s.opts.StaleIfError)) || !s.trusts(held) {
		return d.Wait
	}
	return soft
}

// covers reports whether a stale copy answers for a load that failed with err.
func covers(stale domain.Copy, window time.Duration, err error) bool {
	return stale.UsableStale(window) && !errors.Is(err, domain.ErrWithdrawn)
}
