package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestAfterEachTroubleOfTheServerAllWorksAgainByItself(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(s *redistest.Server){
		"killed and restarted":  func(s *redistest.Server) { s.Kill(); s.Restart() },
		"stopped and continued": func(s *redistest.Server) { s.Pause(); time.Sleep(time.Second); s.Resume() },
		"clients paused":        func(s *redistest.Server) { s.Command("CLIENT", "PAUSE", "1000", "ALL") },
		"clients killed":        func(s *redistest.Server) { s.Command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") },
		"subscriptions killed":  func(s *redistest.Server) { s.Command("CLIENT", "KILL", "TYPE", "pubsub") },
		"emptied":               func(s *redistest.Server) { s.Command("FLUSHALL") },
		"scripts forgotten":     func(s *redistest.Server) { s.Command("SCRIPT", "FLUSH") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			a, b := join(t, server.URL()), join(t, server.URL())
			awaitGap := b.gap(t)
			trouble(server)
			if strings.Contains(name, "killed") && name != "clients killed" {
				awaitGap() // until the end of the connection is seen, it counts as connected
			}
			awaitRecovery(t, a, b)
		})
	}
}

func TestASubscriptionThatIsKilledStandsAgainAndTheGapIsTold(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	in := join(t, server.URL())
	awaitGap := in.gap(t)
	server.Command("CLIENT", "KILL", "TYPE", "pubsub")
	awaitGap()
	awaitListening(t, in.instance)
}

func TestASilentPartitionIsNoticedAndItsEndToo(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	cut, other := join(t, proxy.URL()), join(t, server.URL())
	for _, back := range []string{"healed", "cut"} {
		gaps := cut.news.gaps.Load()
		proxy.Silence()
		t.Log("noticed after", eventually(t, "the silence is noticed", func() bool { return !cut.bus.Subscribed() }))
		awaitListening(t, other.instance)
		require.Equal(t, gaps, cut.news.gaps.Load(), "a gap is told when it is over")

		proxy.Resume()
		if back == "cut" {
			proxy.Cut()
		}
		awaitRecovery(t, cut, other)
		awaitRecovery(t, other, cut)
		require.Greater(t, cut.news.gaps.Load(), gaps)
	}
}

func TestAServerThatHangsIsNotAskedUntilItIsBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := impatient(t, server.URL())
	bus := NewBus(client)
	t.Cleanup(bus.Close)
	get := func() error {
		_, _, err := NewStore(client).Get(t.Context(), parse(t, "k"))
		return err
	}
	works := func() bool { return bus.Subscribed() && bus.Available() && get() == nil }
	eventually(t, "the server is used", works)
	server.Pause()
	require.Error(t, get()) // without a budget it would hang
	eventually(t, "the server is not asked any more", func() bool { return client.Fault() != nil })
	server.Resume()
	eventually(t, "the server is used again", works)
}

func TestAServerWithoutMemoryLeftIsNotUsedUntilItHasSome(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := join(t, server.URL()), join(t, server.URL())
	ctx, old, key := t.Context(), parse(t, "old"), parse(t, "k")
	require.NoError(t, a.store.Put(ctx, old, entry))
	lease, err := a.locker.Acquire(ctx, key)
	require.NoError(t, err)

	server.Command("CONFIG", "SET", "maxmemory", "1")
	err = a.store.Fill(ctx, key, entry, lease)
	requireOutOfMemory(t, err)
	for _, in := range []member{a, b} {
		eventually(t, "it is not used", func() bool { return !in.bus.Available() })
		requireOutOfMemory(t, in.client.Fault())
		_, _, err := in.store.Get(ctx, old)
		requireOutOfMemory(t, err)
	}
	server.Command("CONFIG", "SET", "maxmemory", "0")
	awaitRecovery(t, a, b)
}

// requireOutOfMemory requires the server's own error, which says nothing of a
// lease or a load.
func requireOutOfMemory(t *testing.T, err error) {
	t.Helper()
	require.ErrorContains(t, err, "OOM")
	for _, not := range []error{domain.ErrLeaseHeld, domain.ErrLeaseLost, domain.ErrSourceFailed, domain.ErrTimeout} {
		require.NotErrorIs(t, err, not)
	}
}

// Else the first waiters after each start of Redis would wait a round trip longer.
func TestNoCallHasToSendTheTextOfItsScript(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := join(t, server.URL()), join(t, server.URL())
	require.NoError(t, exercise(t.Context(), a, b, parse(t, "k")))
	require.Contains(t, server.Command("INFO", "commandstats"), "cmdstat_evalsha:")
	require.NotContains(t, server.Command("INFO", "errorstats"), "NOSCRIPT")
}
