//go:build measure

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What "make measure-fleet" prints: how long things take between processes of
// the real program on a real Redis. Only that each trial went as it should is
// asserted; how quick it was is for the reader, since machines differ.

const trials = 200

// pollingWaiter is how often the waiter asks with which ours are compared.
const pollingWaiter = 100 * time.Millisecond

// figures are what was measured, of one kind.
type figures struct {
	mu  sync.Mutex
	all []time.Duration
}

func (f *figures) add(d time.Duration) {
	f.mu.Lock()
	f.all = append(f.all, d)
	f.mu.Unlock()
}

func (f *figures) print(t *testing.T, what string) {
	t.Helper()
	slices.Sort(f.all)
	n := len(f.all)
	require.GreaterOrEqual(t, n, trials, what)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	fmt.Printf("| %s | %d | %.2f | %.2f | %.2f |\n", what, n, ms(f.all[n/2]), ms(f.all[n*99/100]), ms(f.all[n-1]))
}

func printHead() { fmt.Print("\n| ms | trials | p50 | p99 | max |\n|--|--:|--:|--:|--:|\n") }

// held is a load that ends when the measurement says so.
type held struct {
	release  chan struct{}
	answered chan time.Time // when the value was on its way
}

func (h held) plan() plan {
	return plan{how: func(o *origin, w http.ResponseWriter, r *http.Request) {
		<-h.release
		_, _ = io.WriteString(w, valueOf(strings.TrimPrefix(r.URL.Path, "/v/"), 0))
		w.(http.Flusher).Flush()
		h.answered <- time.Now()
	}}
}

func TestMeasureWaiters(t *testing.T) {
	printHead()
	for _, n := range []int{2, 10} {
		f := startFleet(t, n)
		var same, other, polled figures
		for i := range trials {
			f.oneLoad(fmt.Sprintf("w%d-%d", n, i), &same, &other, &polled)
		}
		same.print(t, fmt.Sprintf("answer after the load ends, %d processes: the one that loads", n))
		other.print(t, fmt.Sprintf("answer after the load ends, %d processes: the others", n))
		polled.print(t, fmt.Sprintf("the same for a waiter that polls Redis each %v", pollingWaiter))
		for _, p := range f.members {
			p.end()
			p.over = true
		}
	}
}

// oneLoad has one process load a key while two requests wait on each process.
func (f *fleet) oneLoad(key string, same, other, polled *figures) {
	h := held{make(chan struct{}), make(chan time.Time, 1)}
	f.origin.answer(key, h.plan())
	var all sync.WaitGroup
	ends := make([]time.Time, 2*len(f.members))
	ask := func(i int) {
		all.Go(func() {
			r := f.members[i%len(f.members)].ask(key)
			ends[i] = time.Now()
			assert.Equal(f.t, http.StatusOK, r.status, r.body)
		})
	}
	ask(0)
	f.origin.awaitCall(f.t, key, 1)
	for i := 1; i < len(ends); i++ {
		ask(i)
	}
	found := f.poll(key)
	// All of them are under way by then, and the polls at any phase.
	time.Sleep(30*time.Millisecond + rand.N(pollingWaiter))
	close(h.release)
	began := <-h.answered
	all.Wait()
	require.Equal(f.t, 1, f.origin.called(key))
	for i, end := range ends {
		if i%len(f.members) == 0 {
			same.add(max(0, end.Sub(began)))
		} else {
			other.add(max(0, end.Sub(began)))
		}
	}
	polled.add(max(0, (<-found).Sub(began)))
}

// poll tells when a waiter sees the value that looks for it in Redis now and then.
func (f *fleet) poll(key string) <-chan time.Time {
	found := make(chan time.Time, 1)
	go func() {
		client := goredis.NewClient(&goredis.Options{Addr: f.redis.Addr()})
		defer func() { _ = client.Close() }()
		for client.Get(f.t.Context(), "mlc:{"+key+"}").Err() != nil && f.t.Context().Err() == nil {
			time.Sleep(pollingWaiter)
		}
		found <- time.Now()
	}()
	return found
}

func TestMeasureInvalidation(t *testing.T) {
	printHead()
	for _, n := range []int{2, 10} {
		f := startFleet(t, n)
		var reach figures
		for i := range trials {
			key := fmt.Sprint("d", i)
			f.origin.change(key, 1)
			reader := f.members[1+i%(n-1)]
			require.Equal(t, "source", detail(f.members[0].ask(key)))
			reader.ask(key)
			require.Equal(t, "l1", detail(reader.ask(key)))
			f.origin.change(key, 2)
			began := time.Now()
			f.members[0].remove(key)
			for {
				if r := reader.ask(key); versionOf(r.body) == 2 {
					break
				}
			}
			reach.add(time.Since(began))
		}
		reach.print(t, fmt.Sprintf("from sending a DELETE until another of %d processes has answered with the new value", n))
		for _, p := range f.members {
			p.end()
			p.over = true
		}
	}
}

func TestMeasureTakeover(t *testing.T) {
	printHead()
	const lockTTL, keys = 500 * time.Millisecond, 20
	f := startFleet(t, 2, "--lock-ttl="+lockTTL.String(), "--l2-timeout=500ms")
	var takeover figures
	for round := range trials / keys {
		second := f.loadAndKill(round, keys)
		for _, after := range second {
			takeover.add(after)
		}
		f.members[0].begin()
		f.members[0].awaitListening()
		f.awaitSubscribed(f.redis)
	}
	takeover.print(t, fmt.Sprintf("from kill -9 of the loading process until another calls the source (lock TTL %v)", lockTTL))
}

// loadAndKill kills the first process while it loads keys that requests on the
// second wait for, and returns after how long each was loaded again.
func (f *fleet) loadAndKill(round, keys int) (after []time.Duration) {
	name := func(i int) string { return fmt.Sprintf("t%d-%d", round, i) }
	calls := make(chan time.Time, 2*keys)
	for i := range keys {
		f.origin.answer(name(i), plan{delay: 0, how: func(o *origin, w http.ResponseWriter, r *http.Request) {
			calls <- time.Now()
			if o.called(name(i)) == 1 {
				o.pass(time.Minute, r)
				return
			}
			_, _ = io.WriteString(w, valueOf(name(i), 0))
		}})
	}
	var all sync.WaitGroup
	ask := func(p *process, want int) {
		for i := range keys {
			all.Go(func() { assert.Equal(f.t, want, p.ask(name(i)).status) })
		}
	}
	ask(f.members[0], 0) // gets no answer
	for range keys {
		<-calls
	}
	ask(f.members[1], http.StatusOK)
	time.Sleep(50 * time.Millisecond) // until they wait
	killed := time.Now()
	f.members[0].kill()
	for range keys {
		after = append(after, (<-calls).Sub(killed))
	}
	all.Wait()
	for i := range keys {
		require.Equal(f.t, 2, f.origin.called(name(i)))
	}
	return after
}
