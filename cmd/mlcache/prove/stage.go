package prove

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// Claim is what a scenario says of the program, and what it saw.
type Claim struct {
	Says string `json:"claim"`
	Seen string `json:"seen"`
	Kept bool   `json:"kept"`
}

// stage is what one run of a scenario has in place of a test.
type stage struct {
	program Program
	slack   time.Duration
	end     time.Time // of what must happen

	mu       sync.Mutex
	claims   []Claim
	skipped  string
	cleanups []func()
}

var _ cachetest.T = (*stage)(nil)

// play runs the scenario to its end or that of ctx, and cleans up after it. One that
// takes too long is given up.
func (s *stage) play(ctx context.Context, scenario func(*stage)) {
	limit := time.Until(s.end)
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-s.begin(func() { scenario(s) }):
	case <-late.C:
		s.Errorf("it has not ended after %v", limit.Round(time.Second))
	case <-ctx.Done(): // and of the program, which ends what goes on here
	}
	<-s.begin(s.cleanUp)
}

// begin calls do in a goroutine, which FailNow may end, and returns what is closed then.
func (s *stage) begin(do func()) (ended <-chan struct{}) {
	end := make(chan struct{})
	go func() {
		defer close(end)
		do()
	}()
	return end
}

func (s *stage) cleanUp() {
	for {
		s.mu.Lock()
		last := len(s.cleanups) - 1
		if last < 0 {
			s.mu.Unlock()
			return
		}
		clean := s.cleanups[last]
		s.cleanups = s.cleanups[:last]
		s.mu.Unlock()
		clean()
	}
}

// claim notes whether what is said was seen.
func (s *stage) claim(kept bool, says, seen string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, Claim{Says: says, Seen: fmt.Sprintf(seen, args...), Kept: kept})
}

// leaseTTL returns the TTL of the leases of a scenario that lasts longer than that: the
// usual one, or more where the machine may be busy, since an instance that waits for the
// processor renews them late.
func (s *stage) leaseTTL(usual time.Duration) time.Duration { return max(usual, s.slack/4) }

// within claims that something took no longer than the bound, and what a busy machine
// may add to it, which is told.
func (s *stage) within(took, bound time.Duration, says string) {
	over := ""
	if took > bound && took <= bound+s.slack {
		over = fmt.Sprintf(": over the bound, by less than the %v that a busy machine is allowed", s.slack)
	}
	s.claim(took <= bound+s.slack, fmt.Sprintf("%s within %v", says, bound), "%v%s", took.Round(time.Millisecond), over)
}

// verdict returns what came of the scenario: why it was not run, or its claims.
func (s *stage) verdict() (v Verdict, reason string, claims []Claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.skipped != "":
		return NotRun, s.skipped, nil
	case slices.ContainsFunc(s.claims, func(c Claim) bool { return !c.Kept }):
		return Broken, "", s.claims
	}
	return Kept, "", s.claims
}

// Deadline returns when to give up what must happen: late, where the machine is slow.
func (s *stage) Deadline() (time.Time, bool) { return s.end, true }

// Helper does nothing.
func (s *stage) Helper() {}

// Cleanup has do called when the scenario has ended, before what was to be called
// already.
func (s *stage) Cleanup(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, do)
}

// TempDir returns an empty folder, which is removed at the end.
func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "mlcache-prove-")
	must(s, err)
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Errorf notes that the scenario did not go as it has to.
func (s *stage) Errorf(format string, args ...any) {
	s.claim(false, "the scenario can be played", "%s", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// FailNow ends the goroutine.
func (s *stage) FailNow() { runtime.Goexit() }

// Skip ends the scenario, which is then not run.
func (s *stage) Skip(args ...any) {
	s.mu.Lock()
	s.skipped = fmt.Sprint(args...)
	s.mu.Unlock()
	runtime.Goexit()
}
