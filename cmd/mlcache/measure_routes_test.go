//go:build measure

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMeasureRoutes prints how long loads of one route take while the source of the
// other hangs and clients ask for many of its keys.
func TestMeasureRoutes(t *testing.T) {
	const loads, clients = 500, 200
	fmt.Print("\n| loads of 5 ms on one route, ms | loads | p50 | p99 |\n|--|--:|--:|--:|\n")
	for _, hung := range []bool{false, true} {
		in := start(t, "--source-timeout=1s", "--request-timeout=2s", "--routes="+routesOf(t, strings.Join([]string{
			"routes:",
			`  - {prefix: "fine/", name: fine, source: {delay: 5ms}}`,
			`  - {prefix: "hung/", name: hung, source_concurrency: 20, source: {delay: 1h}}`,
		}, "\n")))
		stop := make(chan struct{})
		var others sync.WaitGroup
		for c := range clients {
			if !hung {
				break
			}
			others.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					case <-time.After(100 * time.Millisecond): // between requests: the clients are not what is measured
						_ = in.mustGet(fmt.Sprintf("/data/hung/%d-%d", c, i))
					}
				}
			})
		}
		took, name := &figures{}, "nothing else"
		if hung {
			name = fmt.Sprintf("%d clients of a source that hangs", clients)
			for in.metrics()["waiting"] < clients/2 { // they are there
				time.Sleep(10 * time.Millisecond)
			}
		}
		for i := range loads {
			began := time.Now()
			require.Equal(t, http.StatusOK, in.mustGet(fmt.Sprint("/data/fine/", i)).status)
			took.add(time.Since(began))
		}
		close(stop)
		others.Wait()
		n, p50, p99, _ := took.summary()
		fmt.Printf("| %s | %d | %.2f | %.2f |\n", name, n, inMillis(p50), inMillis(p99))
	}
}
