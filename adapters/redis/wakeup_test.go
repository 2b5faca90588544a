package redis

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// plain returns forms that compress nothing.
func plain(t testing.TB) *forms {
	t.Helper()
	f, err := newForms(0)
	require.NoError(t, err)
	return f
}

func TestAWakeUpWithNothingToTellIsTheKeyAlone(t *testing.T) {
	key, lease := parse(t, "a b/{c}"), ports.Lease{Token: "id/token@1"}
	require.Equal(t, "a b/{c}", wakeUpFor(key, lease, ports.Ending{}))
	require.Equal(t, wakeUp{key: "a b/{c}"}, plain(t).parseWakeUp("a b/{c}"))
}

func TestWakeUpsTellEndings(t *testing.T) {
	key, lease := parse(t, "k"), ports.Lease{Token: "id/token@1"}
	text := domain.NewEntry(domain.Value{Body: "a\x00b\x00", ContentType: "text/plain"}, 0, 0)
	for message, ending := range map[string]ports.Ending{
		"k\x00id/token@1\x00timeout":                                       {Failure: domain.ErrTimeout},
		"k\x00id/token@1\x00failed":                                        {Failure: domain.ErrSourceFailed},
		"k\x00id/token@1\x00\x00":                                          {Unshared: true},
		"k\x00id/token@1\x00\x00mlc\x01\x01\x00\x00\x00\x00\x00":           {Entry: domain.NewMissing(0, 0)},
		"k\x00id/token@1\x00\x00" + string(domain.AppendStored(nil, text)): {Entry: text},
	} {
		require.Equal(t, message, wakeUpFor(key, lease, ending))
		require.Equal(t, wakeUp{key: "k", lease: lease.Token, ending: ending}, plain(t).parseWakeUp(message))
	}
}

// What a fill stores travels with the wake-up, as far as that is no more than a waiter
// may receive: it need not ask for it.
func TestWaitersReceiveWhatAFillStores(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, c := range map[string]struct {
		bytes, compressAbove int
		told                 bool
	}{
		"small":                        {bytes: 100, told: true},
		"compressed":                   {bytes: 20_000, compressAbove: 100, told: true},
		"large":                        {bytes: ports.LargeBytes + 1},
		"compressed to little of much": {bytes: ports.LargeBytes + 1, compressAbove: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(server.URL())
			o.Timeout, o.CompressAbove = patience, c.compressAbove
			there, here := instanceOf(t, o, times), join(t, server.URL())
			e := domain.NewEntry(domain.Value{Body: strings.Repeat("v", c.bytes)}, time.Minute, 0)
			key := parse(t, name)
			lease, err := there.locker.Acquire(t.Context(), key)
			require.NoError(t, err)
			began := time.Now()
			waiting := waitFor(t, here.instance, key)
			require.NoError(t, there.store.Fill(t.Context(), key, e, lease))
			ending := <-waiting
			if !c.told {
				require.Zero(t, ending)
				return
			}
			require.Equal(t, e, ending.Stored.Entry)
			require.Greater(t, ending.Stored.Remaining, time.Minute-time.Since(began))
			require.LessOrEqual(t, ending.Stored.Remaining, time.Minute)
		})
	}
}

// Later versions may know more kinds of failures and another stored form.
func TestWakeUpsOfLaterVersionsAreUnderstoodAsFarAsPossible(t *testing.T) {
	for message, want := range map[string]wakeUp{
		"k\x00l\x00thirsty":         {key: "k", lease: "l", ending: ports.Ending{Failure: domain.ErrSourceFailed}},
		"k\x00l\x00\x00mlc\x02more": {key: "k", lease: "l", ending: ports.Ending{Unshared: true}},
		"k\x00l":                    {key: "k", lease: "l"},
		"":                          {},
	} {
		require.Equal(t, want, plain(t).parseWakeUp(message))
	}
}

func FuzzParseWakeUp(f *testing.F) {
	forms := plain(f)
	f.Add("k\x00l\x00\x00mlc\x01\x01\x00\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, message string) {
		w := forms.parseWakeUp(message)
		require.True(t, strings.HasPrefix(message, w.key))
		require.NotContains(t, w.key+w.lease, nul)
	})
}

// A message can be late. What a load before came to says nothing of this one.
func TestAWaiterIsNotToldTheEndingOfALeaseBefore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	here, there := join(t, proxy.URL()), join(t, server.URL())
	key := parse(t, "k")
	lease, err := there.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	first := waitFor(t, here.instance, key)
	late := proxy.HoldMessage("k\x00")
	require.NoError(t, there.locker.Release(t.Context(), key, lease, ports.Ending{Failure: domain.ErrTimeout}))
	awaitClosed(t, late.Begun)
	_, err = there.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	second := waitFor(t, here.instance, key)
	late.Deliver()
	<-first
	require.Zero(t, <-second, "it looks again")
}

// The server has sent the wake-up when it says that the lease is gone, but on another
// connection.
func TestAWakeUpThatAReplyHasOvertakenIsWaitedFor(t *testing.T) {
	const timeout = time.Second
	failed := wakeUp{key: "k", lease: "lease", ending: ports.Ending{Failure: domain.ErrTimeout}}
	for name, c := range map[string]struct {
		says  wakeUp
		late  time.Duration // after the reply, the wake-up
		waits time.Duration // after the reply
		want  ports.Ending
	}{
		"it comes late":              {failed, timeout / 2, timeout / 2, failed.ending},
		"it does not come":           {failed, time.Hour, timeout, ports.Ending{}},
		"nobody has ended the lease": {wakeUp{key: "k"}, time.Millisecond, time.Millisecond, ports.Ending{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := wakes{waiting: make(map[string]*wake)}
				next, forget := w.await(parse(t, "k"))
				defer forget()
				var gone time.Time
				got, err := next.ends(t.Context(), func(_ context.Context, again bool) (string, time.Duration, error) {
					if !again {
						return "lease", time.Minute, nil
					}
					gone = time.Now()
					time.AfterFunc(c.late, func() { w.call(c.says) })
					return "", timeout, nil
				})
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				require.Equal(t, c.waits, time.Since(gone))
			})
		})
	}
}

// However late it is: the server sends another one after it.
func TestAWaiterThatFindsTheLeaseFreeHasBeenToldHowItEnded(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	o := options(proxy.URL())
	o.Timeout = patience
	here, there := instanceOf(t, o, times), join(t, server.URL())
	awaitListening(t, here)
	key := parse(t, "k")
	lease, err := there.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	waiting := waitFor(t, here, key)
	second := there.client.rdb.Subscribe(t.Context(), here.client.own())
	defer func() { require.NoError(t, second.Close()) }()
	_, err = second.Receive(t.Context())
	require.NoError(t, err)
	late := proxy.HoldMessage("k\x00")
	require.NoError(t, there.locker.Release(t.Context(), key, lease, ports.Ending{Failure: domain.ErrTimeout}))
	awaitClosed(t, late.Begun)
	for message := ""; message != "k"; { // it has asked
		m, err := second.ReceiveMessage(t.Context())
		require.NoError(t, err)
		message = m.Payload
	}
	late.Deliver()
	require.Equal(t, ports.Ending{Failure: domain.ErrTimeout}, <-waiting)
}
