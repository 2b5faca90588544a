//go:build fleet

package redis

import (
	"testing"
	"time"
)

func TestFleetContractsAreKeptOnAnyNetwork(t *testing.T) {
	for _, rtt := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond} {
		for _, secure := range []bool{false, true} {
			n := network{rtt: rtt, secure: secure}
			t.Run(n.String(), func(t *testing.T) {
				t.Parallel()
				n.contracts(t)
			})
		}
	}
}
