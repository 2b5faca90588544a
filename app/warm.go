package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// warmPause is how long a load ahead of requests waits before it tries again to get what
// requests or refreshes have now.
const warmPause = 50 * time.Millisecond

// Warm brings keys into L1: from L2, and what that does not have from the source, with a
// lease for each key, so that all instances together load it once. It ends with ctx, and
// after RequestTimeout at the latest; loads that have begun go on.
//
// Loads have a lower priority than any other. They take slots that nobody waits for, are
// among the refreshes, which have half of the slots, and leave most of these to others.
func (s *Service) Warm(ctx context.Context, keys []domain.Key) (w domain.Warmed) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.opts.RequestTimeout, domain.ErrTimeout)
	defer cancel()
	missing := s.fetch(ctx, slices.DeleteFunc(slices.Clone(keys), s.holds)).missing
	w.Held = len(keys) - len(missing)
	var mu sync.Mutex
	var loads sync.WaitGroup
	begun := 0
	for _, key := range missing {
		if !s.warming.take(ctx) {
			break
		}
		begun++
		loads.Go(func() {
			defer s.warming.free()
			one := s.warm(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			w.Add(one)
		})
	}
	loads.Wait()
	w.Skipped += len(missing) - begun
	return w
}

// holds reports whether L1 answers requests for key.
func (s *Service) holds(key domain.Key) bool {
	held, _ := s.l1.Peek(key)
	return held.Fresh() && s.trusts(held)
}

// fetched is what fetch found.
type fetched struct {
	keys    int // that L1 has now
	bytes   int // of their values
	missing []domain.Key
	err     error // why L2 could not be asked for some of these
}

// fetch fills L1 from L2, a bounded number of bytes at a time.
func (s *Service) fetch(ctx context.Context, keys []domain.Key) (f fetched) {
	for some := range slices.Chunk(keys, keysPerRead) {
		if !s.reads.take(ctx) {
			f.missing, f.err = append(f.missing, some...), context.Cause(ctx)
			continue
		}
		some = clones(some)
		for n, found := range s.lookMany(ctx, some) {
			if found.Large {
				found.Copy, found.Err = s.look(ctx, some[n], nil)
			}
			if found.Err != nil {
				f.err = found.Err
			}
			if !found.Copy.Fresh() {
				f.missing = append(f.missing, some[n])
				continue
			}
			f.keys++
			f.bytes += len(found.Copy.Entry.Body())
		}
		s.reads.free()
	}
	return f
}

// warm loads a key that no layer had.
func (s *Service) warm(ctx context.Context, key domain.Key) domain.Warmed {
	for s.bus.Available() && !s.calls.Closed() {
		answer, err := s.tryWarm(ctx, key)
		switch {
		case err == nil && answer.Outcome == domain.Loaded:
			return domain.Warmed{Loaded: 1}
		case err == nil, s.holds(key):
			return domain.Warmed{Held: 1}
		case ctx.Err() == nil && domain.IsLoadFailure(err):
			return domain.Warmed{Failed: 1}
		}
		if !pause(ctx, warmPause) {
			break
		}
	}
	return domain.Warmed{Skipped: 1}
}

// pause waits for d, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryWarm refreshes a key that is not there, and waits for that.
func (s *Service) tryWarm(ctx context.Context, key domain.Key) (domain.Answer, error) {
	w := &warming{call: s.newRefresh(key, nil, 0), ended: make(chan struct{})}
	if !s.startRefresh(ctx, w.key, w) {
		return domain.Answer{}, domain.ErrOverloaded
	}
	select {
	case <-w.ended:
		if errors.Is(w.err, errElsewhere) { // and it has been promoted
			return w.answer, nil
		}
		return w.answer, w.err
	case <-ctx.Done():
		return domain.Answer{}, context.Cause(ctx)
	}
}

// warming is a refresh that somebody waits for.
type warming struct {
	*call
	ended  chan struct{} // closed when the others are set
	answer domain.Answer
	err    error
}

// Run is that of the refresh.
func (w *warming) Run(ctx context.Context) (r result, err error) {
	w.err = errNoAnswer // stands if the goroutine ends meanwhile
	defer close(w.ended)
	r, err = w.call.Run(ctx)
	w.answer, w.err = r.Answer, err
	return r, err
}

// clones returns keys that do not share memory with what they were cut from.
func clones(keys []domain.Key) []domain.Key {
	own := make([]domain.Key, len(keys))
	for i, key := range keys {
		own[i] = key.Clone()
	}
	return own
}
