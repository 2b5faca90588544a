//go:build fleet

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

func TestFleetHistoriesKeepThePromisesOnAnyNetwork(t *testing.T) {
	for _, rtt := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond} {
		t.Run(rtt.String(), func(t *testing.T) {
			for _, secure := range []bool{false, true} {
				t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
					t.Parallel()
					tr := startTrial(t, redistest.Network{RTT: rtt, Jitter: 0.3, Seed: trialSeed(t)}, secure)
					tr.run(contended(tr.network.Seed), 2, slices.Concat(brief(), lasting())...)
				})
			}
		})
	}
}
