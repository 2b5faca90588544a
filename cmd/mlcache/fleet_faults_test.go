package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFleetAnswersInBoundedTimeWhateverTheOriginDoes(t *testing.T) {
	f := startFleet(t, 2, "--source-concurrency=1", "--source-timeout=500ms", "--failure-cooldown=200ms")
	for name, c := range map[string]struct {
		does   plan
		status int
	}{
		"fails":                 {plan{how: fails}, http.StatusBadGateway},
		"hangs":                 {plan{how: hangs}, http.StatusGatewayTimeout},
		"ignores-the-end":       {plan{how: ignoresTheEnd}, http.StatusGatewayTimeout},
		"too-much":              {plan{how: answersTooMuch}, http.StatusBadGateway},
		"too-much-bit-by-bit":   {plan{how: answersTooMuchBitByBit}, http.StatusBadGateway},
		"half-a-body":           {plan{how: answersHalf}, http.StatusBadGateway},
		"half-a-body-and-hangs": {plan{how: answersHalfAndHangs}, http.StatusGatewayTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			key, next := name, "after-"+name
			f.origin.answer(key, c.does)
			requireAll(t, f.ask(20, key), c.status, time.Second)
			require.Equal(t, 1, f.origin.called(key))
			f.requireNoLeases()
			// The only place at the origin is free.
			requireAll(t, f.ask(2, next), http.StatusOK, 400*time.Millisecond)

			f.origin.answer(key, plan{})
			within(t, time.Second, "the cool-down is over", func() bool { return f.members[0].ask(key).status == http.StatusOK })
			requireAll(t, f.ask(2, key), http.StatusOK, time.Second)
			require.Equal(t, 2, f.origin.called(key))
			f.requireNoLeases()
		})
	}
}

func TestFleetServesWithoutRedisAndRecoversByItself(t *testing.T) {
	f := startFleet(t, 3)
	f.requireEachAnswers("hot", http.StatusOK)
	f.redis.Kill()
	f.origin.answer("", plan{delay: 200 * time.Millisecond})
	for round := range 6 {
		f.requireEachServesAlone(fmt.Sprintf("cold-%d", round))
	}
	require.Equal(t, 1, f.origin.called("hot"), "it was in memory")
	f.redis.Restart()
	f.requireRecovery()
}

// requireRecovery checks that, two seconds from now, the fleet works together
// again, and stays so.
func (f *fleet) requireRecovery() {
	f.t.Helper()
	const limit = 2 * time.Second
	began, works := time.Now(), f.worksTogether()
	f.t.Logf("the fleet works together after %v", within(f.t, limit, "it does", works))
	time.Sleep(time.Until(began.Add(limit)))
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
	var all sync.WaitGroup
	var cold []reply
	all.Go(func() { cold = f.ask(60, key) })
	for range 10 {
		for _, p := range f.members {
			r := p.ask("hot")
			assert.Equal(f.t, http.StatusOK, r.status, r.body)
			assert.Less(f.t, r.took, 500*time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
	}
	all.Wait()
	requireAll(f.t, cold, http.StatusOK, 5*time.Second)
	require.LessOrEqual(f.t, f.origin.called(key), len(f.members), key)
}

// worksTogether returns a check, each time with a key of its own, whether all
// find Redis well, a load is shared, a DELETE on one reaches the others, and
// memory is trusted.
func (f *fleet) worksTogether() func() bool {
	began, n := time.Now().UnixNano(), 0
	return func() bool {
		n++
		key := fmt.Sprintf("together-%d-%d", began, n)
		f.origin.change(key, 1)
		f.origin.answer(key, plan{delay: 50 * time.Millisecond})
		for _, p := range f.members {
			health, err := p.get("/health")
			if err != nil || !strings.Contains(health.body, `"l2":"ok"`) {
				return false
			}
		}
		f.ask(3*len(f.members), key)
		if f.origin.called(key) != 1 {
			return false
		}
		f.origin.change(key, 2)
		if f.members[0].send(http.MethodDelete, key, "").status != http.StatusNoContent {
			return false
		}
		time.Sleep(100 * time.Millisecond) // between the nodes of a Cluster news takes some tens
		f.ask(len(f.members), key)
		for _, r := range f.ask(len(f.members), key) {
			if r.body != valueOf(key, 2) || detail(r) != "l1" {
				return false
			}
		}
		return f.origin.called(key) == 2
	}
}
