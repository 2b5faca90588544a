package redis

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var times = LockerOptions{TTL: time.Hour}

func parse(t *testing.T, s string) domain.Key {
	t.Helper()
	key, err := domain.ParseKey(s)
	require.NoError(t, err)
	return key
}

// awaitEnding runs Await in the background.
func awaitEnding(t *testing.T, in instance, key domain.Key) <-chan ports.Ending {
	ended := make(chan ports.Ending, 1)
	go func() {
		ending, err := in.locker.Await(context.WithoutCancel(t.Context()), key)
		assert.NoError(t, err)
		ended <- ending
	}()
	return ended
}

// waitFor runs Await in the background and returns when it waits for key, and the
// server knows. One that ends before that, as it may on a busy machine, is run again.
func waitFor(t *testing.T, in instance, key domain.Key) <-chan ports.Ending {
	t.Helper()
	var ended <-chan ports.Ending
	eventually(t, "an Await waits", func() bool {
		if ended == nil || len(ended) > 0 {
			ended = awaitEnding(t, in, key)
		}
		n, err := in.client.rdb.SCard(t.Context(), namesOf(prefix, key).waiters).Result()
		return err == nil && n > 0 && waiting(key, in) > 0
	})
	return ended
}

func TestAFillLeavesTheValueWithItsTTLAndNothingElse(t *testing.T) {
	t.Parallel()
	in := open(t, redistest.Start(t).URL(), times)
	key := parse(t, "k")
	awaitListening(t, in) // which wakes all waiters
	lease, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	waiting := waitFor(t, in, key)
	e := domain.NewEntry(domain.Value{Body: "v"}, 30*time.Minute, 0)
	require.NoError(t, in.store.Fill(t.Context(), key, e, lease))
	<-waiting

	keys, err := in.client.rdb.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.Equal(t, []string{"mlc:{k}"}, keys, "no lock and no waiters stay behind")
	ttl, err := in.client.rdb.PTTL(t.Context(), "mlc:{k}").Result()
	require.NoError(t, err)
	require.Greater(t, ttl, 20*time.Minute)
	require.LessOrEqual(t, ttl, 30*time.Minute)
}

func TestAMissedWakeUpIsMadeUpForByThePoll(t *testing.T) {
	t.Parallel()
	o := options(redistest.Start(t).URL())
	o.Timeout = time.Hour // which the waiter does not wait for
	in := instanceOf(t, o, times)
	key := parse(t, "k")
	awaitListening(t, in)
	_, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	waiting := waitFor(t, in, key)
	// The lease ends without a word.
	require.NoError(t, in.client.rdb.Del(t.Context(), namesOf(prefix, key).lock).Err())
	require.Zero(t, <-waiting)
	_, err = in.locker.Acquire(t.Context(), key)
	require.NoError(t, err, "the waiter has not taken it")
}

func TestWithoutASubscriptionNoWakeUpIsWaitedFor(t *testing.T) {
	t.Parallel()
	o := options(redistest.Start(t).URL())
	o.Timeout = time.Hour // which it would take
	in := instanceOf(t, o, times)
	key := parse(t, "k")
	_, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	in.bus.Close()
	waiting := waitFor(t, in, key)
	require.NoError(t, in.client.rdb.Del(t.Context(), namesOf(prefix, key).lock).Err())
	require.Zero(t, <-waiting)
}

func TestASubscriptionThatBrokeMakesWaitersLookAgain(t *testing.T) {
	t.Parallel()
	in := open(t, redistest.Start(t).URL(), times)
	key := parse(t, "k")
	awaitListening(t, in)
	_, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	waiting := waitFor(t, in, key)
	require.NoError(t, in.client.rdb.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err())
	require.Zero(t, <-waiting)
	awaitListening(t, in)
}

// It would block the key for its TTL, which is an hour, with nobody loading.
func TestALeaseIsGivenBackThoughItsReleaseFailed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	in := open(t, proxy.URL(), times)
	key := parse(t, "k")
	awaitListening(t, in)
	lease, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	lost := proxy.LoseRequest("{k}:lock")
	require.Error(t, in.locker.Release(t.Context(), key, lease, ports.Ending{}))
	<-lost.Begun
	eventually(t, "the lease is given back", func() bool { return server.Command("EXISTS", in.client.prefix+"{k}:lock") == "0" })
}

func TestClosingTheBusEndsTheWaits(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	holder, in := open(t, server.URL(), times), open(t, server.URL(), times)
	key := parse(t, "k")
	awaitListening(t, in)
	_, err := holder.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	waiting := waitFor(t, in, key)
	in.bus.Close()
	require.Zero(t, <-waiting)
}

func TestWithoutAServerEveryCallFailsAndMissesAreNotMistakenForIt(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	in := open(t, server.URL(), times)
	key := parse(t, "k")
	_, ok, err := in.store.Get(t.Context(), key)
	require.NoError(t, err)
	require.False(t, ok)
	server.Kill()

	_, _, err = in.store.Get(t.Context(), key)
	require.Error(t, err)
	_, err = in.locker.Acquire(t.Context(), key)
	require.Error(t, err)
	for _, not := range []error{domain.ErrLeaseHeld, domain.ErrSourceFailed, domain.ErrTimeout, domain.ErrLeaseLost} {
		require.NotErrorIs(t, err, not)
	}
	_, err = in.locker.Await(t.Context(), key)
	require.Error(t, err)
	x := ports.Lease{Token: "x"}
	require.Error(t, in.locker.Renew(t.Context(), key, x))
	require.Error(t, in.locker.Release(t.Context(), key, x, ports.Ending{}))
	e := domain.NewEntry(domain.Value{}, time.Second, 0)
	require.NotErrorIs(t, in.store.Fill(t.Context(), key, e, x), domain.ErrLeaseLost)

	server.Restart()
	var lease ports.Lease
	eventually(t, "the lease is won", func() bool {
		lease, err = in.locker.Acquire(t.Context(), key)
		return err == nil
	})
	require.NoError(t, in.store.Fill(t.Context(), key, e, lease), "scripts are sent again to a server that lost them")
}

func TestAForeignValueWithoutATTLIsNeverFresh(t *testing.T) {
	t.Parallel()
	in := open(t, redistest.Start(t).URL(), times)
	form := domain.AppendStored(nil, domain.NewEntry(domain.Value{Body: "v"}, time.Hour, 0))
	require.NoError(t, in.client.rdb.Set(t.Context(), "mlc:{k}", form, 0).Err())
	_, ok, err := in.store.Get(t.Context(), parse(t, "k"))
	require.NoError(t, err)
	require.False(t, ok)
}

func TestPollsAreSlowButNotSlowerThanTheLeaseRunsOut(t *testing.T) {
	t.Parallel()
	for range 1000 {
		require.GreaterOrEqual(t, pollAfter(time.Hour), pollEvery)
		require.LessOrEqual(t, pollAfter(time.Hour), pollEvery*3/2+time.Millisecond)
		require.Greater(t, pollAfter(40*time.Millisecond), 40*time.Millisecond)
		require.LessOrEqual(t, pollAfter(40*time.Millisecond), 40*time.Millisecond+staggered+time.Millisecond)
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		pause(ctx, time.Hour)
		require.Equal(t, time.Second, time.Since(began))
	})
}
