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

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func TestFleetLoadsAColdKeyOnceHoweverManyAsk(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3, 10} {
		t.Run(fmt.Sprintf("%d instances", size), func(t *testing.T) {
			f := startFleet(t, size)
			f.origin.Answer("", cachetest.Plan{Delay: 100 * time.Millisecond})
			for _, requests := range []int{10, 100, 1000} {
				key := fmt.Sprintf("cold-%d", requests)
				requireAll(t, f.askTogether(requests, key, cachetest.Plan{}), http.StatusOK)
				require.Equal(t, 1, f.origin.Called(key), "%d requests", requests)
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
		requireAll(f.t, replies[i], http.StatusOK)
		require.Equal(f.t, 1, f.origin.Called("key-"+strconv.Itoa(i)))
	}
}

func TestFleetGoesOnWithALoadWhoseFirstCallerHungUp(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 3)
	for which, waiting := range map[string][]*process{"waiters everywhere": f.members, "waiters elsewhere": f.members[1:]} {
		t.Run(which, func(t *testing.T) {
			key := keyFor(which)
			release := f.origin.Hold(key, cachetest.Plan{})
			hangUp := f.callAndHangUp(key)
			replies := make(chan []reply, 1)
			go func() { replies <- (&fleet{members: waiting}).ask(30, key) }()
			f.awaitWaiting(31)
			hangUp()
			f.awaitWaiting(30)
			release()
			requireAll(t, <-replies, http.StatusOK)
			require.Equal(t, 1, f.origin.Called(key))
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
	f.origin.AwaitCall(f.t, key, 1)
	return func() {
		cancel()
		<-gone
	}
}

// A slower machine sends fewer commands, so this fails for a storm only.
func TestFleetWaitsWithoutAStormOfCommands(t *testing.T) {
	t.Parallel()
	const keys, waiters, perSecond, seen = 10, 3, 2, 60
	f := startFleet(t, waiters+1)
	var all sync.WaitGroup
	var releases []func()
	replies := make([][]reply, keys)
	for i := range keys {
		key := "k" + strconv.Itoa(i)
		releases = append(releases, f.origin.Hold(key, cachetest.Plan{}))
		all.Go(func() { replies[i] = f.ask(40, key) })
	}
	f.awaitWaiting(40 * keys)
	before, sent := f.commands(), 0
	took := eventually(t, "waiters poll", func() bool {
		sent = f.commands() - before
		return sent >= seen
	})
	rate := float64(sent) / (keys * waiters * took.Seconds())
	t.Logf("%.2f commands per second and waiter, all others included", rate)
	require.LessOrEqual(t, rate, float64(perSecond))
	for i := range keys {
		releases[i]()
	}
	all.Wait()
	for i := range keys {
		requireAll(t, replies[i], http.StatusOK)
		require.Equal(t, 1, f.origin.Called("k"+strconv.Itoa(i)))
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
