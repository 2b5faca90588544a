//go:build fleet

package redis

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
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

func TestFleetNoWriteThatSucceededIsLostInAnyOfManyFailovers(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", 1000+seed), func(t *testing.T) {
			t.Parallel()
			failOverUnderWrites(t, 1000+seed)
		})
	}
}

// A PUT that failed and a DELETE elsewhere that succeeded after it: the PUT's value
// never shows, whatever the network did to the PUT.
func TestFleetAPutThatFailedNeverShowsAfterADelete(t *testing.T) {
	const atOnce, rounds = 10, 100
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a, b := far(t, network{}, proxy), join(t, server.URL())
	random := rand.New(rand.NewPCG(1, 0))
	failures := 0
	for round := range rounds {
		var all sync.WaitGroup
		failed := make([]bool, atOnce)
		keys := make([]domain.Key, atOnce)
		for i := range atOnce {
			keys[i] = parse(t, fmt.Sprintf("%d of round %d", i, round))
			text, stall := "value of "+keys[i].String(), time.Duration(30+random.IntN(200))*time.Millisecond
			switch random.IntN(4) {
			case 0:
				time.AfterFunc(stall, proxy.HoldRequest(text).Deliver)
			case 1:
				time.AfterFunc(stall, proxy.HoldReply(text).Deliver)
			case 2:
				proxy.LoseRequest(text)
			default:
				proxy.LoseReply(text)
			}
			all.Go(func() {
				failed[i] = a.store.Put(t.Context(), keys[i], domain.NewEntry(domain.Value{Body: text}, time.Minute, 0)) != nil
				assert.NoError(t, b.store.Invalidate(t.Context(), keys[i], domain.Invalidation{}))
			})
		}
		all.Wait()
		pause(t.Context(), 250*time.Millisecond) // longer than anything is late
		for i, key := range keys {
			require.NoError(t, stored(t.Context(), b, key, false), "%s, which failed: %v", key, failed[i])
			if failed[i] {
				failures++
			}
		}
		eventually(t, "the server is used", func() bool { return a.client.Fault() == nil })
	}
	t.Logf("%d of %d writes failed", failures, atOnce*rounds)
	require.Greater(t, failures, atOnce*rounds/4)
	require.Empty(t, strings.TrimSpace(server.Command("KEYS", "*round*}")))
}
