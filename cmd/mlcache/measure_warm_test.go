//go:build measure

package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeasureWarmUp(t *testing.T) {
	printHead()
	for _, n := range []network{{rtt: 0}, {rtt: 20 * time.Millisecond}} {
		for _, warm := range []bool{false, true} {
			what, flags := "an instance that restarted is asked for 200 hot keys, without warm-up", []string{}
			if warm {
				what, flags = "with warm-up", []string{"--warm-timeout=1m"}
			}
			f := n.start(t, 3, flags)
			r, stop := startRestarts(f, warm)
			var took figures
			calls := 0.0
			for round := range 6 {
				r.restart(round%3, func(p *process) {
					for i := range hotKeys {
						began := time.Now()
						require.Equal(t, http.StatusOK, p.ask(hotKey(i)).status)
						took.add(time.Since(began))
					}
					calls += p.metrics()["cache_misses"]
				})
			}
			stop()
			took.print(fmt.Sprintf("%s (%.0f calls of the source)", what, calls), n.rtt, 0)
		}
	}
}
