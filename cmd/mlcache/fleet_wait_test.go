package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// later asks for key and returns where the answer will be.
func (p *process) later(key string) <-chan reply {
	answer := make(chan reply, 1)
	go func() { answer <- p.ask(key) }()
	return answer
}

func TestFleetLoadsElsewhereWhileAnInstanceWaitsForASlot(t *testing.T) {
	t.Parallel()
	f, proxy := startFarFleet(t, farAway, 2, "--source-concurrency=1")
	busy, idle := f.members[0], f.members[1]
	release := f.origin.Hold("slow", cachetest.Plan{})
	slow := busy.later("slow")
	f.origin.AwaitCall(t, "slow", 1)

	looked := proxy.HoldReply("mlc:{k}")
	queued := busy.later("k")
	<-looked.Begun
	looked.Deliver()
	<-looked.Over
	// Since then it has waited for the slot. If it had asked for the lease, it would
	// have that before it has looked for another key.
	require.Equal(t, http.StatusGatewayTimeout, busy.ask("other", "Cache-Control", "only-if-cached").status)

	require.Equal(t, "source", detail(idle.ask("k")))
	require.Empty(t, slow, "the slot is taken")
	require.Empty(t, queued)
	release()
	for _, answer := range []<-chan reply{slow, queued} {
		r := <-answer
		require.Equal(t, http.StatusOK, r.status, r.body)
	}
	require.Equal(t, 1, f.origin.Called("k"))
}

func TestFleetGivesACallerThatJoinsLateItsOwnTime(t *testing.T) {
	t.Parallel()
	const timeout = 1500 * time.Millisecond
	f, _ := startFarFleet(t, farAway, 2, "--request-timeout="+timeout.String())
	release := f.origin.Hold("k", cachetest.Plan{})
	var first <-chan reply
	eventually(t, "the origin is called", func() bool {
		if first == nil || len(first) > 0 { // its time was over before that on a busy machine
			first = f.members[0].later("k")
		}
		return f.origin.Called("k") > 0
	})
	f.members[0].awaitCallAge("k", timeout/2)
	late := make(chan []reply, 1)
	go func() { late <- f.ask(10, "k") }()
	r := <-first
	require.Equal(t, http.StatusGatewayTimeout, r.status, r.body)
	f.members[0].awaitCallAge("k", timeout+timeout/4)
	release()
	for _, r := range <-late {
		if r.status != http.StatusOK { // it had to wait that long on a busy machine
			require.GreaterOrEqual(t, r.took, timeout, r.body)
		}
	}
}

// awaitCallAge returns when the call for key has been in flight for so long, or is over.
func (p *process) awaitCallAge(key string, age time.Duration) {
	p.t.Helper()
	eventually(p.t, "time passes", func() bool {
		var explained struct {
			Flight struct {
				Under   bool `json:"under_way"`
				Seconds float64
			}
		}
		require.NoError(p.t, json.Unmarshal([]byte(p.mustGet("/explain/"+key).body), &explained))
		return !explained.Flight.Under || explained.Flight.Seconds >= age.Seconds()
	})
}
