package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// An instance misses a DELETE, subscribes again, and the one read by which it verifies
// its copy loses its reply, while Redis is used.
func TestFleetServesNothingUnverifiedWhenOneReplyIsLost(t *testing.T) {
	tr := startTrial(t, redistest.Network{RTT: 10 * time.Millisecond, Seed: trialSeed(t)}, false)
	tr.observed(func() {
		p := tr.proxies[0]
		tr.readOne(tr.History, 0, calm)
		tr.cut(0, func() {
			p.Silence()
			p.Cut()
			tr.writeElsewhere(0)
			p.Resume()
		})
		tr.settle()
		time.Sleep(100 * time.Millisecond)
		p.LoseReply(aRead)
		tr.readOne(tr.History, 0, calm)
		require.True(t, tr.views[0].look(tr.fleet, tr.History, 0).stands)
	})
}
