package redis

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestAfterEachTroubleOfTheServerAllWorksAgainByItself(t *testing.T) {
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
			server := redistest.Start(t)
			a, b := join(t, server.URL()), join(t, server.URL())
			awaitGap := b.gap(t)
			trouble(server)
			if strings.Contains(name, "killed") && name != "clients killed" {
				awaitGap() // until the end of the connection is seen, it counts as connected
			}
			awaitRecovery(t, a, b, 4*time.Second)
		})
	}
}

func TestASubscriptionThatIsKilledStandsAgainAndTheGapIsTold(t *testing.T) {
	server := redistest.Start(t)
	in := join(t, server.URL())
	awaitGap, began := in.gap(t), time.Now()
	server.Command("CLIENT", "KILL", "TYPE", "pubsub")
	awaitGap()
	require.Eventually(t, in.bus.Connected, time.Second, time.Millisecond)
	require.Less(t, time.Since(began), 2*time.Second)
}

func TestASilentPartitionIsNoticedAndItsEndToo(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	cut, other := join(t, proxy.URL()), join(t, server.URL())
	for _, back := range []string{"healed", "cut"} {
		gaps := cut.news.gaps.Load()
		proxy.Silence()
		began := time.Now()
		require.Eventually(t, func() bool { return !cut.bus.Connected() }, 4*time.Second, 10*time.Millisecond)
		t.Logf("noticed after %v", time.Since(began).Round(time.Millisecond))
		require.True(t, other.bus.Connected())
		require.Equal(t, gaps, cut.news.gaps.Load(), "a gap is told when it is over")

		proxy.Resume()
		if back == "cut" {
			proxy.Cut()
		}
		awaitRecovery(t, cut, other, 2*time.Second)
		awaitRecovery(t, other, cut, 2*time.Second)
		require.Greater(t, cut.news.gaps.Load(), gaps)
	}
}

func TestAServerThatHangsIsAskedInItsBudgetAndThenNotAtAllUntilItIsBack(t *testing.T) {
	server := redistest.Start(t)
	client := impatient(t, server.URL())
	bus := NewBus(client)
	t.Cleanup(bus.Close)
	get := func() error {
		_, _, err := NewStore(client).Get(t.Context(), parse(t, "k"))
		return err
	}
	require.Eventually(t, func() bool { return bus.Connected() && get() == nil }, 5*time.Second, 10*time.Millisecond)

	server.Pause()
	for range failuresInARow {
		began := time.Now()
		require.ErrorIs(t, get(), context.DeadlineExceeded)
		require.Less(t, time.Since(began), 500*time.Millisecond, "far above the budget, for slow machines")
	}
	require.False(t, bus.Reachable())
	tries := 0
	for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(time.Millisecond) {
		if asked := time.Now(); !errors.Is(get(), errBroken) {
			tries++
		} else {
			require.Less(t, time.Since(asked), 25*time.Millisecond, "it is refused at once")
		}
	}
	require.Positive(t, tries)
	require.LessOrEqual(t, tries, 3, "one in about a second")

	server.Resume()
	require.Eventually(t, func() bool { return bus.Reachable() && bus.Connected() && get() == nil }, 2*time.Second, 10*time.Millisecond)
}

func TestAServerWithoutMemoryLeftRefusesWhatTakesSomeAndEndsLeases(t *testing.T) {
	server := redistest.Start(t)
	a, b := join(t, server.URL()), join(t, server.URL())
	ctx, old := t.Context(), parse(t, "old")
	require.NoError(t, a.store.Put(ctx, old, entry))
	leases := map[string]ports.Lease{}
	for _, name := range []string{"filled", "given back", "failed"} {
		lease, err := a.locker.Acquire(ctx, parse(t, name))
		require.NoError(t, err)
		leases[name] = lease
	}

	server.Command("CONFIG", "SET", "maxmemory", "1")
	for i := range 2 * failuresInARow {
		_, err := b.locker.Acquire(ctx, parse(t, "new "+strconv.Itoa(i)))
		requireOutOfMemory(t, err)
	}
	requireOutOfMemory(t, a.store.Fill(ctx, parse(t, "filled"), entry, leases["filled"]))
	requireOutOfMemory(t, a.store.Put(ctx, old, entry))
	require.NoError(t, stored(ctx, b, old, true), "what is there can be read")
	require.True(t, b.bus.Reachable(), "it answers")

	require.NoError(t, a.store.Delete(ctx, old))
	require.NoError(t, stored(ctx, b, old, false))
	require.NoError(t, a.locker.Release(ctx, parse(t, "given back"), leases["given back"], nil))
	// There is no memory to remember the failure in. The lease ends all the same.
	requireOutOfMemory(t, a.locker.Release(ctx, parse(t, "failed"), leases["failed"], domain.ErrSourceFailed))
	require.ErrorIs(t, a.locker.Renew(ctx, parse(t, "failed"), leases["failed"]), domain.ErrLeaseLost)

	server.Command("CONFIG", "SET", "maxmemory", "0")
	awaitRecovery(t, a, b, time.Second)
}

// requireOutOfMemory requires the server's own error, which says nothing of a
// lease or a load.
func requireOutOfMemory(t *testing.T, err error) {
	t.Helper()
	require.ErrorContains(t, err, "OOM")
	for _, not := range []error{domain.ErrLeaseEnded, domain.ErrLeaseLost, domain.ErrSourceFailed, domain.ErrTimeout} {
		require.NotErrorIs(t, err, not)
	}
}
