package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestFleetAnswersInBoundedTimeWhateverTheOriginDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeout string // of the source: brief where it ends the call
		status  int
		does    map[string]func(*cachetest.Origin, http.ResponseWriter, *http.Request)
	}{
		"fails": {"1m", http.StatusBadGateway, map[string]func(*cachetest.Origin, http.ResponseWriter, *http.Request){
			"status": cachetest.Fail, "too-much": cachetest.TooMuch, "too-much-bit-by-bit": cachetest.TooMuchBitByBit, "half-a-body": cachetest.Half,
		}},
		"hangs": {"5s", http.StatusGatewayTimeout, map[string]func(*cachetest.Origin, http.ResponseWriter, *http.Request){
			"hangs": cachetest.Hang, "ignores-the-end": cachetest.Ignore, "half-a-body-and-hangs": cachetest.HalfAndHang,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, 2, "--source-concurrency=1", "--source-timeout="+c.timeout, "--failure-cooldown=5m")
			for key, does := range c.does {
				f.origin.Answer(key, cachetest.Plan{How: does})
				requireAll(t, f.ask(20, key), c.status)
				require.Equal(t, 1, f.origin.Called(key), key)
				f.requireNoLeases()
				// The only slot at the origin is free.
				requireAll(t, f.ask(2, "after-"+key), http.StatusOK)

				f.origin.Answer(key, cachetest.Plan{})
				f.members[0].remove(key) // which ends the cool-down
				requireAll(t, f.ask(2, key), http.StatusOK)
				require.Equal(t, 2, f.origin.Called(key), key)
				f.requireNoLeases()
			}
		})
	}
}

func TestFleetServesWithoutRedisAndRecoversByItself(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 3)
	f.requireEachAnswers("hot", http.StatusOK)
	// What was sent to Redis may still arrive, so it is waited for as long as a call may
	// take: briefly here.
	other := &fleet{t: t, members: launch(t, 1, f.flags(f.redis.URL(), "--l2-timeout=1s"))}
	other.requireEachAnswers("warm", http.StatusOK)
	f.redis.Kill()
	f.requireEachAnswers("hot", http.StatusOK)
	requireAll(t, other.ask(60, "cold"), http.StatusOK)
	require.Equal(t, 1, f.origin.Called("cold"))

	f.awaitNoticed()
	f.origin.Answer("", cachetest.Plan{Delay: 200 * time.Millisecond})
	for round := range 6 {
		f.requireEachServesAlone(fmt.Sprintf("cold-%d", round))
	}
	require.Equal(t, 1, f.origin.Called("hot"), "it was in memory")
	f.redis.Restart()
	f.requireRecovery()
}

// awaitNoticed returns when all instances go on without Redis.
func (f *fleet) awaitNoticed() {
	f.t.Helper()
	for _, p := range f.members {
		eventually(f.t, "it is noticed", func() bool { return strings.Contains(p.mustGet("/health").body, `"l2":"degraded"`) })
	}
}

// requireRecovery checks that the fleet comes to work together again, and stays so.
func (f *fleet) requireRecovery() {
	f.t.Helper()
	works := f.worksTogether()
	f.t.Log("the fleet works together after", eventually(f.t, "the fleet works together", works))
	for range 5 {
		require.True(f.t, works(), "and stays so")
	}
}

func (f *fleet) requireEachAnswers(key string, status int) {
	f.t.Helper()
	for _, p := range f.members {
		r := p.ask(key)
		require.Equal(f.t, status, r.status, r.body)
	}
}

// requireEachServesAlone checks one round without Redis: the hot key is answered
// all the time, and a new key is loaded, at most once per instance.
func (f *fleet) requireEachServesAlone(key string) {
	f.t.Helper()
	cold := make(chan []reply, 1)
	go func() { cold <- f.ask(60, key) }()
	for {
		for _, p := range f.members {
			r := p.ask("hot")
			assert.Equal(f.t, http.StatusOK, r.status, r.body)
		}
		select {
		case replies := <-cold:
			requireAll(f.t, replies, http.StatusOK)
			require.LessOrEqual(f.t, f.origin.Called(key), len(f.members), key)
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// worksTogether returns a check, each time with a key of its own, whether all
// find Redis well, a load is shared, a DELETE on one reaches the others, and
// memory is trusted.
func (f *fleet) worksTogether() func() bool {
	began, n := time.Now().UnixNano(), 0
	return func() bool {
		n++
		key := fmt.Sprintf("together-%d-%d", began, n)
		f.origin.Change(key, 1)
		f.origin.Answer(key, cachetest.Plan{Delay: 50 * time.Millisecond})
		for _, p := range f.members {
			health, err := p.get("/health")
			if err != nil || !strings.Contains(health.body, `"l2":"ok"`) {
				return false
			}
		}
		f.ask(3*len(f.members), key)
		if f.origin.Called(key) != 1 {
			return false
		}
		f.origin.Change(key, 2)
		if f.members[0].send(http.MethodDelete, key, "").status != http.StatusNoContent {
			return false
		}
		for asked := time.Now(); !f.allHold(key, 2); time.Sleep(2 * time.Millisecond) {
			if time.Since(asked) > patience/50 { // the invalidation was lost
				return false
			}
		}
		return f.origin.Called(key) == 2
	}
}

// allHold reports whether all instances answer this version of key from memory.
func (f *fleet) allHold(key string, version int) bool {
	return !slices.ContainsFunc(f.ask(len(f.members), key), func(r reply) bool {
		return r.body != cachetest.ValueOf(key, version) || detail(r) != "l1"
	})
}
