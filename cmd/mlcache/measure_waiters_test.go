//go:build measure

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// pollingWaiter is how often the waiter asks with which ours are compared.
const pollingWaiter = 100 * time.Millisecond

// held is a load that ends when the measurement says so.
type held struct {
	release  chan struct{}
	answered chan time.Time // when the value was on its way
}

func (h held) plan() cachetest.Plan {
	return cachetest.Plan{How: func(o *cachetest.Origin, w http.ResponseWriter, r *http.Request) {
		<-h.release
		_, _ = io.WriteString(w, cachetest.ValueOf(strings.TrimPrefix(r.URL.Path, "/v/"), 0))
		w.(http.Flusher).Flush()
		select {
		case h.answered <- time.Now():
		default: // a second call, which is a failure, must not wait
		}
	}}
}

func TestMeasureWaiters(t *testing.T) {
	printHead()
	eachFleet(t, []int{2, 10}, nil, func(f *fleet, over network) {
		var same, other figures
		var polled *figures
		if over.rtt == 0 {
			polled = &figures{}
		}
		over.try(func(i int) { f.oneLoad(fmt.Sprint("w", i), over.rtt, &same, &other, polled) })
		n, bound := len(f.members), 2*over.rtt+5*time.Millisecond
		same.print(fmt.Sprintf("answer after the load ends, %d processes: the one that loads", n), over.rtt, bound)
		other.print(fmt.Sprintf("answer after the load ends, %d processes: the others", n), over.rtt, bound)
		if polled != nil {
			polled.print(fmt.Sprintf("the same for a waiter that polls Redis each %v", pollingWaiter), over.rtt, 0)
		}
	})
}

// oneLoad has one process load a key while two requests wait on each process, and, if
// polled is not nil, a waiter that polls.
func (f *fleet) oneLoad(key string, rtt time.Duration, same, other, polled *figures) {
	h := held{make(chan struct{}), make(chan time.Time, 1)}
	f.origin.Answer(key, h.plan())
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
	f.origin.AwaitCall(f.t, key, 1)
	for i := 1; i < len(ends); i++ {
		ask(i)
	}
	var found <-chan time.Time
	if polled != nil {
		found = f.poll(key)
	}
	// To look, to ask for the lease and to wait for it takes three round trips: all are
	// under way by then, and the polls at any phase.
	time.Sleep(30*time.Millisecond + 4*rtt + rand.N(pollingWaiter))
	close(h.release)
	began := <-h.answered
	all.Wait()
	assert.Equal(f.t, 1, f.origin.Called(key))
	for i, end := range ends {
		if i%len(f.members) == 0 {
			same.add(end.Sub(began))
		} else {
			other.add(end.Sub(began))
		}
	}
	if polled != nil {
		polled.add((<-found).Sub(began))
	}
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
