//go:build fleet

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

const (
	soakTTL    = 3 * time.Second
	soakBudget = 200 * time.Millisecond
	slowLoad   = 1500 * time.Millisecond // above the lock's TTL
	longest    = 5 * time.Second         // of a trouble; a silence is noticed by then
	recovery   = 3 * time.Second
	quiet      = 1500 * time.Millisecond
	heard      = time.Second // in which a write is heard of elsewhere, on a busy machine

	// Where these instances stand among the three.
	behindProxy, behindDeafener = 0, 1
)

// soak is a fleet in trouble, with an account of all that happened.
type soak struct {
	*fleet
	proxy    *redistest.Proxy
	deafener *deafener
	random   *rand.Rand // of havoc
	began    time.Time
	early    int // bytes that the instances occupied after a quarter of the time

	history *cachetest.History
	windows []window
	probes  []probe
}

// probe is a key of its own that all instances were asked for at once.
type probe struct {
	key          string
	begun, ended time.Time
}

func startSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	f := &fleet{t: t, redis: redistest.Start(t), origin: cachetest.StartOrigin(t)}
	s := &soak{fleet: f, random: rand.New(rand.NewPCG(seed, 0))}
	s.proxy, s.deafener = redistest.StartProxy(t, f.redis.Addr()), startDeafener(t, f.redis.Addr())
	for _, url := range []string{s.proxy.URL(), s.deafener.url(), f.redis.URL()} {
		f.members = append(f.members, launch(t, 1, f.flags(url,
			// The same port again after a restart.
			fmt.Sprintf("--addr=127.0.0.1:%d", redistest.FreePort(t)),
			"--ttl="+soakTTL.String(), "--stale-if-error=0", "--lock-ttl=1s", "--refresh-ahead=1", "--l2-timeout="+soakBudget.String(),
		))...)
	}
	f.awaitSubscribed(f.redis)
	s.usualOrigin()
	s.history = cachetest.NewHistory()
	s.began = s.history.Began
	return s
}

func TestFleetKeepsItsPromisesThroughAllKindsOfTrouble(t *testing.T) {
	length, seed := soakSettings(t, 2*time.Minute)
	t.Logf("MLCACHE_TEST_SOAK=%v MLCACHE_TEST_SOAK_SEED=%d", length, seed)
	s := startSoak(t, seed)
	var all sync.WaitGroup
	all.Go(func() { s.traffic(s.history, usualLoad([]string{"a", "b", "c", "d"}, seed), after(length)) })
	all.Go(func() { s.probeUntil(s.began.Add(length)) })
	all.Go(func() { s.havoc(s.began.Add(length)) })
	var still []window
	all.Go(func() { still = standstills(s.began.Add(length)) })
	all.Wait()
	s.requireNoLeases()
	t.Logf("%d reads, %d refused, %d probes", s.history.Reads(), len(s.history.Refused), len(s.probes))
	s.requireReadsAllowed()
	s.requireRefusalsExcused()
	s.windows = append(s.windows, still...) // which excuse no refusal
	s.requireLoadsShared()
	require.Less(t, s.memory(), s.early+s.early/2+(20<<20), "bytes that the instances occupy, together")
	s.requireFewGoroutines()
}

// soakSettings returns how long a test with random faults takes, and its seed.
func soakSettings(t *testing.T, usual time.Duration) (length time.Duration, seed uint64) {
	t.Helper()
	length, seed = usual, 1
	var err error
	if text := os.Getenv("MLCACHE_TEST_SOAK"); text != "" {
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("MLCACHE_TEST_SOAK_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	return length, seed
}

// standstills returns when the machine did not run a goroutine of this process for as
// long as a call of Redis may take: leases may run out then.
func standstills(end time.Time) (all []window) {
	for from := time.Now(); from.Before(end); {
		time.Sleep(10 * time.Millisecond)
		to := time.Now()
		if to.Sub(from) > soakBudget {
			all = append(all, window{trouble{name: "the machine stands still", at: cachetest.Everywhere, alone: true}, from, to})
		}
		from = to
	}
	return all
}

// probeUntil asks for new keys, each on all instances at once.
func (s *soak) probeUntil(end time.Time) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for n := 0; time.Now().Before(end); n++ {
		all.Go(func() {
			p := probe{key: fmt.Sprintf("probe-%d", n), begun: time.Now()}
			s.ask(3*len(s.members), p.key)
			p.ended = time.Now()
			mu.Lock()
			defer mu.Unlock()
			s.probes = append(s.probes, p)
		})
		time.Sleep(300 * time.Millisecond)
	}
	all.Wait()
}

// excused reports whether a trouble of the kind was at the instance.
func (s *soak) excused(kind func(trouble) bool, at int, begun, ended time.Time) bool {
	for _, w := range s.windows {
		if kind(w.trouble) && w.touches(at, begun, ended) {
			return true
		}
	}
	return false
}

// requireReadsAllowed checks the history, which troubles excuse that have to do with
// invalidations or with the origin.
func (s *soak) requireReadsAllowed() {
	s.t.Helper()
	for _, w := range s.windows {
		excused := cachetest.Span{At: w.at, From: w.from.Sub(s.began), To: w.to.Add(recovery).Sub(s.began)}
		if w.late {
			s.history.Outages = append(s.history.Outages, excused)
		}
		if w.refuses {
			s.history.Failures = append(s.history.Failures, excused)
		}
	}
	require.NoError(s.t, s.history.Violation(cachetest.Promises{
		Budget: soakBudget, Lifetime: soakTTL + slowLoad + heard,
		Invalidated: func(int, time.Duration) time.Duration { return heard },
	}))
}

func (s *soak) requireRefusalsExcused() {
	s.t.Helper()
	refuses := func(t trouble) bool { return t.refuses }
	for _, r := range s.history.Refused {
		require.True(s.t, s.excused(refuses, r.At, s.began.Add(r.Begun), s.began.Add(r.Ended)), "%v: %s", r, r.Body)
	}
	troubled := func(trouble) bool { return true }
	all, refused := 0, 0
	for key := range s.history.Operations {
		for _, w := range s.history.Writes(key) {
			all++
			if !w.Succeeded() && !s.excused(troubled, w.At, s.began.Add(w.Begun), s.began.Add(w.Ended)) {
				refused++
				s.t.Logf("refused without trouble: %s: %v", key, w)
			}
		}
	}
	// A machine that is out of breath for 50 ms is a Redis that does not answer.
	require.LessOrEqual(s.t, refused, all/200, "of %d writes", all)
}

// requireLoadsShared knows that a record of purges that was lost is missed at the next
// gap: what was loaded since counts as purged then.
func (s *soak) requireLoadsShared() {
	s.t.Helper()
	forgotten := false
	for i := range s.windows {
		w := &s.windows[i]
		w.alone = w.alone || forgotten
		forgotten = w.forgets || forgotten && !w.gap
	}
	alone := func(t trouble) bool { return t.alone }
	for _, p := range s.probes {
		most := 1
		if s.excused(alone, cachetest.Everywhere, p.begun, p.ended) {
			most = len(s.members) + 1 // one more if a loading one was killed
		}
		require.LessOrEqual(s.t, s.origin.Called(p.key), most, "%s at %.3f s", p.key, p.begun.Sub(s.began).Seconds())
	}
}

// memory returns the bytes that the instances occupy, together.
func (s *soak) memory() int {
	total := 0
	for _, p := range s.members {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, _ := strconv.Atoi(kilobytes)
		total += n << 10
	}
	return total
}

// requireFewGoroutines waits for those of connections that are kept for the next
// load, as many as loads have been under way at once: these are ended before.
func (s *soak) requireFewGoroutines() {
	s.t.Helper()
	for _, p := range s.members {
		eventually(s.t, "few goroutines are left", func() bool {
			p.client.CloseIdleConnections()
			s.origin.CloseIdleConnections()
			_, rest, found := strings.Cut(p.mustGet("/metrics?format=prometheus").body, "\ngo_goroutines ")
			count, _, _ := strings.Cut(rest, "\n")
			n, err := strconv.Atoi(count)
			return found && err == nil && n < 45 // a dozen of them receive from Redis
		})
	}
}
