package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFleetLoadsAColdKeyOnceHoweverManyAsk(t *testing.T) {
	for _, size := range []int{1, 3, 10} {
		t.Run(fmt.Sprintf("%d instances", size), func(t *testing.T) {
			f := startFleet(t, size, slowMachine)
			f.origin.answer("", plan{delay: 500 * time.Millisecond})
			for _, requests := range []int{10, 100, 1000} {
				key := fmt.Sprintf("cold-%d", requests)
				requireAll(t, f.ask(requests, key), http.StatusOK, 10*time.Second)
				require.Equal(t, 1, f.origin.called(key), "%d requests", requests)
			}
			f.requireOneCallEachOfTenKeysAtOnce()
			f.requireNoLeases()
		})
	}
}

func (f *fleet) requireOneCallEachOfTenKeysAtOnce() {
	f.t.Helper()
	var all sync.WaitGroup
	replies := make([][]reply, 10)
	for i := range replies {
		all.Go(func() { replies[i] = f.ask(30, "key-"+strconv.Itoa(i)) })
	}
	all.Wait()
	for i := range replies {
		requireAll(f.t, replies[i], http.StatusOK, 10*time.Second)
		require.Equal(f.t, 1, f.origin.called("key-"+strconv.Itoa(i)))
	}
}

func TestFleetLoadsOnceThoughTheOriginOutlastsTheLock(t *testing.T) {
	f := startFleet(t, 3, "--lock-ttl=1s", "--source-timeout=10s")
	f.origin.answer("slow", plan{delay: 3 * time.Second})
	requireAll(t, f.ask(60, "slow"), http.StatusOK, 3500*time.Millisecond)
	require.Equal(t, 1, f.origin.called("slow"))
	f.requireNoLeases()
}

func TestFleetGoesOnWithALoadWhoseFirstCallerHungUp(t *testing.T) {
	f := startFleet(t, 3, slowMachine)
	for who, c := range map[string]struct {
		waiting []*process
		calls   int
	}{
		"waiters everywhere": {f.members, 1},
		"waiters elsewhere":  {f.members[1:], 1},
	} {
		t.Run(who, func(t *testing.T) {
			key := strings.ReplaceAll(who, " ", "-")
			f.origin.answer(key, plan{delay: time.Second})
			hangUp := f.callAndHangUp(key)
			replies := make(chan []reply)
			go func() { replies <- (&fleet{members: c.waiting}).ask(30, key) }()
			time.Sleep(200 * time.Millisecond) // so that the others wait by then
			hangUp()
			requireAll(t, <-replies, http.StatusOK, 2*time.Second)
			require.Equal(t, c.calls, f.origin.called(key))
		})
	}
}

// callAndHangUp asks the first instance for key and returns, when that has
// called the origin, the way to hang up.
func (f *fleet) callAndHangUp(key string) (hangUp func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.members[0].base+"/data/"+key, nil)
		if assert.NoError(f.t, err) {
			_, err = http.DefaultTransport.RoundTrip(req)
			assert.ErrorIs(f.t, err, context.Canceled)
		}
	}()
	f.origin.awaitCall(f.t, key, 1)
	return func() {
		cancel()
		<-gone
	}
}

func TestFleetSharesAFailureAndDoesNotTryAgainAtOnce(t *testing.T) {
	f := startFleet(t, 3, slowMachine, "--failure-cooldown=5s")
	f.origin.answer("broken", plan{delay: time.Second, how: fails})
	requireAll(t, f.ask(1000, "broken"), http.StatusBadGateway, 2*time.Second)
	requireAll(t, f.ask(100, "broken"), http.StatusBadGateway, time.Second)
	require.Equal(t, 1, f.origin.called("broken"))
	f.requireNoLeases()
}

func TestFleetWaitsWithoutAStormOfCommands(t *testing.T) {
	const keys, waiters, window = 10, 3, 3 * time.Second
	f := startFleet(t, waiters+1, slowMachine)
	f.origin.answer("", plan{delay: 4 * time.Second})
	var all sync.WaitGroup
	replies := make([][]reply, keys)
	for i := range keys {
		all.Go(func() { replies[i] = f.ask(40, "k"+strconv.Itoa(i)) })
	}
	for i := range keys {
		f.origin.awaitCall(t, "k"+strconv.Itoa(i), 1)
	}
	time.Sleep(500 * time.Millisecond) // by then all wait who will
	before := f.commands()
	time.Sleep(window)
	during := f.commands() - before
	all.Wait()
	t.Logf("%.2f commands per second and waiter, all others included", float64(during)/(keys*waiters*window.Seconds()))
	require.LessOrEqual(t, during, int(2*keys*waiters*window.Seconds()))
	require.Positive(t, during, "leases are renewed at least")
	for i := range keys {
		requireAll(t, replies[i], http.StatusOK, 6*time.Second)
		require.Equal(t, 1, f.origin.called("k"+strconv.Itoa(i)))
	}
}

// commands returns how many commands Redis got from the instances, those that
// scripts call left out.
func (f *fleet) commands() int {
	f.t.Helper()
	total := 0
	for line := range strings.Lines(f.redis.Command("INFO", "commandstats")) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		switch name {
		case "evalsha", "eval", "publish", "ping", "subscribe":
			calls, _, _ := strings.Cut(rest, ",")
			n, err := strconv.Atoi(calls)
			require.NoError(f.t, err, line)
			total += n
		}
	}
	return total
}
