package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// server is a source that works on so many calls at once, and has the others wait in the
// order in which they came, or refuses them.
type server struct {
	refuses bool
	refusal time.Duration         // how long that takes
	hangs   func(call int64) bool // until the call is given up; nil: none

	mu       sync.Mutex
	takes    time.Duration // a call, give or take a tenth
	capacity int
	working  int
	queue    []chan struct{}

	done, refused, calls atomic.Int64
}

func (s *server) Load(ctx context.Context, _ domain.Key, _ domain.Validator) (domain.Value, error) {
	n := s.calls.Add(1)
	if !s.enter(ctx) {
		if ctx.Err() != nil {
			return domain.Value{}, ctx.Err()
		}
		s.refused.Add(1)
		time.Sleep(s.refusal)
		return domain.Value{}, domain.ErrSourceBusy
	}
	defer s.leave()
	if s.hangs != nil && s.hangs(n) {
		<-ctx.Done()
		return domain.Value{}, ctx.Err()
	}
	time.Sleep(s.time() * time.Duration(90+n%21) / 100)
	s.done.Add(1)
	return domain.Value{Body: "v"}, nil
}

func (s *server) enter(ctx context.Context) bool {
	s.mu.Lock()
	if s.working < s.capacity {
		s.working++
		s.mu.Unlock()
		return true
	}
	if s.refuses {
		s.mu.Unlock()
		return false
	}
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
		go func() { // somebody gives it the turn
			<-turn
			s.leave()
		}()
		return false
	}
}

func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working--
	s.nextLocked()
}

func (s *server) nextLocked() {
	for len(s.queue) > 0 && s.working < s.capacity {
		s.working++
		close(s.queue[0])
		s.queue = s.queue[1:]
	}
}

func (s *server) time() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takes
}

func (s *server) slowDown(takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = takes
}

func (s *server) resize(capacity int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capacity = capacity
	s.nextLocked()
}

// limited is a service with an adaptive limit in front of a server, and clients that ask
// for one cold key after the other.
type limited struct {
	*app.Service
	server *server
	failed atomic.Int64
	slow   atomic.Int64 // the longest answer
}

// run has clients ask until the test ends. A limit that begins at the configured one is
// a fixed one.
func runLimited(t *testing.T, s *server, clients int, change ...func(*app.Options)) *limited {
	t.Helper()
	l2, err := embedded.Open(embedded.Options{LockTTL: time.Minute, MaxBytes: 1 << 20, MaxValueBytes: 1 << 10})
	require.NoError(t, err)
	l1, err := lru.New(lru.Options{MaxEntries: 10, MaxBytes: 1 << 20})
	require.NoError(t, err)
	o := app.DefaultOptions()
	o.AdaptiveLimit, o.Random, o.RequestTimeout = true, seeded(1), time.Minute
	o.FailureCooldown, o.RefreshAhead = 0, 0
	for _, f := range change {
		f(&o)
	}
	l := &limited{server: s}
	l.Service, err = app.New(app.Ports{
		L1: l1, L2: l2, Locker: l2, Bus: newBus(), Purger: l2, Source: s, Recorder: counters.New(), Logger: slog.New(slog.DiscardHandler),
	}, o)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for client := range clients {
		asking.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				began := time.Now()
				if _, err := l.Get(ctx, mustKey(t, fmt.Sprint(client, "-", i))); err != nil && ctx.Err() == nil {
					l.failed.Add(1)
					time.Sleep(10 * time.Millisecond)
				}
				l.slow.Store(max(l.slow.Load(), int64(time.Since(began))))
			}
		})
	}
	t.Cleanup(func() {
		stop()
		asking.Wait()
		require.NoError(t, l.Close(context.Background()))
		l1.Close()
		require.NoError(t, l2.Close())
	})
	return l
}

// during returns what share of its capacity the server works meanwhile, and the least
// and greatest limit.
func (l *limited) during(d time.Duration) (share float64, least, greatest int) {
	before := l.server.done.Load()
	limits := l.limits(d)
	could := float64(d) / float64(l.server.time()) * float64(l.server.capacity)
	return float64(l.server.done.Load()-before) / could, slices.Min(limits), slices.Max(limits)
}

// limits returns the limits that there are meanwhile.
func (l *limited) limits(d time.Duration) []int {
	const step = 100 * time.Millisecond
	limits := make([]int, 0, d/step)
	for range d / step {
		time.Sleep(step)
		limits = append(limits, l.Activity().SourceSlots)
	}
	return limits
}

// changedWhileMeasured has the source change when the limit has just been halved to measure
// what is usual. It returns the least limit within forty seconds of that, and what share of
// its capacity the source works then, and the greatest limit.
func changedWhileMeasured(t *testing.T, capacity int, change func(*server)) (least int, share float64, greatest int) {
	t.Helper()
	s := &server{capacity: capacity, takes: 200 * time.Millisecond}
	l := runLimited(t, s, 150)
	l.during(10 * time.Second)
	l.awaitProbe(t)
	change(s)
	_, least, _ = l.during(40 * time.Second)
	share, _, greatest = l.during(20 * time.Second)
	t.Logf("limit at least %d, then at most %d, share %.3f", least, greatest, share)
	return least, share, greatest
}

// awaitProbe returns when the limit has just been halved, in simulated time.
func (l *limited) awaitProbe(t *testing.T) {
	t.Helper()
	before := 0
	for range time.Minute / time.Millisecond {
		now := l.Activity().SourceSlots
		if now <= before/2 {
			return
		}
		before = now
		time.Sleep(time.Millisecond)
	}
	require.FailNow(t, "it is not measured what is usual")
}

func TestTheLimitFollowsACapacityThatFallsWhileItIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, share, greatest := changedWhileMeasured(t, 40, func(s *server) { s.resize(4) })
		require.GreaterOrEqual(t, share, 0.93)
		require.LessOrEqual(t, greatest, 20)
	})
}

func TestASourceThatRefusesCallsIsSeldomAskedTooMuch(t *testing.T) {
	for _, refusal := range []time.Duration{time.Millisecond, 500 * time.Millisecond} {
		t.Run(refusal.String(), func(t *testing.T) { seldomRefused(t, refusal) })
	}
}

func seldomRefused(t *testing.T, refusal time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{capacity: 20, takes: 200 * time.Millisecond, refuses: true, refusal: refusal}
		l := runLimited(t, s, 40)
		l.during(20 * time.Second)
		refused, calls := s.refused.Load(), s.calls.Load()
		share, least, greatest := l.during(30 * time.Second)
		t.Logf("share %.3f limit %d to %d refused %d", share, least, greatest, s.refused.Load()-refused)
		require.GreaterOrEqual(t, share, 0.85)
		require.LessOrEqual(t, greatest, 25)
		require.Less(t, float64(s.refused.Load()-refused)/float64(s.calls.Load()-calls), 0.01)
	})
}

func TestASourceThatIsSlowerForGoodIsNotCalledLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{capacity: 100, takes: 200 * time.Millisecond}
		l := runLimited(t, s, 60)
		l.during(20 * time.Second)
		s.slowDown(480 * time.Millisecond)
		l.during(20 * time.Second)
		_, least, _ := l.during(20 * time.Second)
		require.GreaterOrEqual(t, least, 30, "half of 60, while it is measured")
	})
}

func TestSomeCallsThatHangDoNotLowerTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{capacity: 100, takes: 200 * time.Millisecond, hangs: func(call int64) bool { return call%50 == 0 }}
		l := runLimited(t, s, 60, func(o *app.Options) { o.SourceTimeout = 2 * time.Second })
		l.during(20 * time.Second)
		_, least, _ := l.during(20 * time.Second)
		require.GreaterOrEqual(t, least, 30)
	})
}

func TestASourceThatHungIsCalledFullyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung atomic.Bool
		s := &server{capacity: 40, takes: 200 * time.Millisecond, hangs: func(int64) bool { return hung.Load() }}
		l := runLimited(t, s, 100, func(o *app.Options) { o.SourceTimeout = 2 * time.Second })
		l.during(20 * time.Second)
		hung.Store(true)
		_, least, _ := l.during(2 * time.Minute)
		require.LessOrEqual(t, least, 4)
		hung.Store(false)
		l.during(20 * time.Second)
		share, _, _ := l.during(20 * time.Second)
		require.GreaterOrEqual(t, share, 0.93)
	})
}

func TestALimitIsFixedUnlessItIsToAdapt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runLimited(t, &server{capacity: 5, takes: 200 * time.Millisecond}, 50, func(o *app.Options) { o.AdaptiveLimit = false })
		_, least, greatest := l.during(20 * time.Second)
		require.Equal(t, []int{256, 256}, []int{least, greatest})
	})
}

func TestCallsThatDoNotEndWithTheirTimeAreOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, func(context.Context, int64) (domain.Value, error) {
			time.Sleep(20 * time.Second)
			return domain.Value{}, nil
		})
		key := mustKey(t, "k")
		go func() { _, _ = f.services[0].Get(context.Background(), key) }()
		time.Sleep(6*time.Second - time.Millisecond)
		require.Zero(t, f.services[0].Activity().Overdue)
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, 1, f.services[0].Activity().Overdue)
		time.Sleep(15 * time.Second)
		require.Zero(t, f.services[0].Activity().Overdue)
		require.Zero(t, f.services[0].Activity().SourceCalls)
	})
}
