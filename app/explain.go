package app

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Explain tells what is known of key and what Get would do now. It loads nothing
// and changes nothing; the answer is of one moment, or rather of the few that it
// takes to ask L2 and the locker.
func (s *Service) Explain(ctx context.Context, key domain.Key) domain.Explanation {
	var x domain.Explanation
	x.L1.Copy, _ = s.l1.Peek(key)
	found, _, err := s.l2.Get(ctx, key)
	if x.L2.Err = err; err == nil {
		x.L2.Copy = found
	}
	x.Lease = s.locker.State(ctx, key)
	if state, ok := s.calls.State(callKey{key, anyCopy}); ok {
		x.Call = domain.CallState{Under: true, Waiters: state.Waiters, Since: state.Age}
	}
	x.Failure, x.FailureRemaining = x.Lease.Failure, x.Lease.FailureRemaining
	if x.Lease.Err != nil { // then a load goes by what is known here
		x.FailureRemaining, x.Failure = s.failed.of(key)
	}
	nearest := x.L1.Copy
	if !nearest.Fresh() || !s.trusts(nearest) {
		nearest = x.L2.Copy
	}
	if nearest.Fresh() && !nearest.Entry.Missing() {
		x.RefreshChance = nearest.RefreshChance(s.opts.RefreshAhead)
	}
	x.Purges = s.purges.mark()
	x.Next = s.next(x, leavesToL1(x.L1.Entry, found.Entry, err))
	return x
}

// next follows the path of Get, for which L2 may leave the answer to L1.
func (s *Service) next(x domain.Explanation, leaves bool) domain.Step {
	switch {
	case x.L1.Fresh() && s.trusts(x.L1.Copy):
		return domain.StepL1Hit
	case s.mayServeStale(x.L1.Copy):
		return domain.StepStale
	case x.Call.Under:
		return domain.StepJoin
	case x.L2.Fresh():
		return domain.StepL2Hit
	case x.L1.Fresh() && leaves:
		return domain.StepL1Hit
	case s.mayServeStale(x.L2.Copy):
		return domain.StepStale
	case x.Failure != nil && (covers(x.L2.Copy, s.opts.StaleIfError, x.Failure) || covers(x.L1.Copy, s.opts.StaleIfError, x.Failure) && s.trusts(x.L1.Copy)):
		return domain.StepStale
	case x.Failure != nil:
		return domain.StepFail
	case x.Lease.Held:
		return domain.StepWait
	}
	return domain.StepLoad
}
