package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// in returns the member of a process that is the namespace name.
func (m member) in(t *testing.T, name string) member {
	t.Helper()
	view, err := m.client.Namespace(name)
	require.NoError(t, err)
	bus, err := m.bus.Namespace(view)
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	locker, err := NewLocker(bus, times)
	require.NoError(t, err)
	next := member{instance: instance{client: view, store: NewStore(view), bus: bus, locker: locker}, news: &news{changed: make(chan domain.Key, 1000)}}
	bus.Listen(next.news)
	awaitListening(t, next.instance)
	return next
}

func TestNamespacesOnOneClientNeitherSeeNorHearEachOther(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) string{
		"single":  func(t *testing.T) string { return redistest.Start(t).URL() },
		"Cluster": func(t *testing.T) string { return redistest.StartCluster(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := start(t)
			here, there := join(t, url), join(t, url)
			for i := range someKeys {
				suffix := fmt.Sprint(i)
				separate(t, parse(t, "k"+suffix),
					[]member{here, here.in(t, "a"+suffix), here.in(t, "b"+suffix)},
					[]member{there, there.in(t, "a"+suffix), there.in(t, "b"+suffix)})
			}
		})
	}
}

// separate requires that the namespaces of two processes have key to themselves.
func separate(t *testing.T, key domain.Key, here, there []member) {
	t.Helper()
	ctx := t.Context()
	own := func(i int) *domain.Entry {
		return domain.NewEntry(domain.Value{Body: fmt.Sprint("of namespace ", i)}, time.Hour, 0)
	}
	for i, m := range here {
		lease, err := m.locker.Acquire(ctx, key)
		require.NoError(t, err, "a lease of another namespace is none of this one")
		require.NoError(t, m.store.Fill(ctx, key, own(i), lease))
	}
	for i, m := range there {
		c, ok, err := m.store.Get(ctx, key)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, own(i), c.Entry)
		require.Equal(t, own(i), m.store.GetMany(ctx, []domain.Key{key})[0].Copy.Entry)
	}
	leases, waiting := make([]ports.Lease, len(here)), make([]<-chan ports.Ending, len(there))
	for i, m := range here {
		var err error
		leases[i], err = m.locker.Acquire(ctx, key)
		require.NoError(t, err)
		waiting[i] = awaitEnding(t, there[i].instance, key)
		eventually(t, "an Await waits", func() bool {
			awaited, err := m.locker.Awaited(ctx, key)
			return err == nil && awaited
		})
	}
	for i, kind := range []error{domain.ErrTimeout, domain.ErrSourceTooLarge, domain.ErrSourceFailed} {
		require.NoError(t, here[i].locker.Release(ctx, key, leases[i], ports.Ending{Failure: kind, Cooldown: time.Hour}))
		require.Equal(t, ports.Ending{Failure: kind}, <-waiting[i])
		for _, other := range waiting[i+1:] {
			require.Empty(t, other)
		}
	}
	for i, kind := range []error{domain.ErrTimeout, domain.ErrSourceTooLarge, domain.ErrSourceFailed} {
		_, err := there[i].locker.Acquire(ctx, key)
		require.ErrorIs(t, err, kind)
	}
	for i, m := range here {
		require.NoError(t, m.store.Invalidate(ctx, key, domain.Invalidation{}))
		require.Equal(t, key, <-there[i].news.changed)
		for j, other := range there {
			require.Empty(t, other.news.changed)
			require.NoError(t, stored(ctx, other, key, j > i))
		}
	}
}

func TestANamespaceThatComesLaterHasItsOwnGap(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	root := join(t, server.URL())
	a := root.in(t, "a")
	// A subscription that stands before anybody listens is no gap.
	require.LessOrEqual(t, a.news.gaps.Load(), int64(1))
	require.LessOrEqual(t, root.news.gaps.Load(), int64(1), "the subscription of the others goes on")
	awaitRoot, awaitA := root.gap(t), a.gap(t)
	server.Command("CLIENT", "KILL", "TYPE", "pubsub")
	awaitRoot()
	awaitA()
	awaitListening(t, a.instance)
	a.bus.Close()
	require.False(t, a.bus.Subscribed())
	require.True(t, root.bus.Subscribed())
	again := root.in(t, "a")
	other := join(t, server.URL()).in(t, "a")
	require.NoError(t, other.store.Invalidate(t.Context(), parse(t, "k"), domain.Invalidation{}))
	require.Equal(t, parse(t, "k"), <-again.news.changed)
}

func TestTwoCachesInOneNamespaceAreRefused(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	in, stranger := join(t, url), join(t, url)
	a := in.in(t, "a")
	view, err := in.client.Namespace("a")
	require.NoError(t, err)
	_, err = in.bus.Namespace(view)
	require.ErrorContains(t, err, `"mlc:a:"`)
	_, err = in.bus.Namespace(in.client)
	require.ErrorContains(t, err, `"mlc:"`, "NewBus has that")
	_, err = stranger.bus.Namespace(view)
	require.ErrorContains(t, err, "another client")
	_, err = in.client.Namespace("a{b")
	require.ErrorContains(t, err, "brace")
	_, err = a.client.Namespace("b")
	require.ErrorContains(t, err, "nest")
	same, err := in.client.Namespace("")
	require.NoError(t, err)
	require.Same(t, in.client, same)
	require.NoError(t, view.Close())
	require.NoError(t, in.store.Invalidate(t.Context(), parse(t, "k"), domain.Invalidation{}), "the client is still open")
}

// A second listener must not leave the first without invalidations, nor be without.
func TestSeveralListenersAllReceive(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	in, other := join(t, url), join(t, url)
	second := &news{changed: make(chan domain.Key, 10)}
	in.bus.Listen(second)
	for _, m := range []member{other, in} { // one of the two may have made the change
		require.NoError(t, m.store.Invalidate(t.Context(), parse(t, "k"), domain.Invalidation{}))
		require.Equal(t, parse(t, "k"), <-in.news.changed)
		require.Equal(t, parse(t, "k"), <-second.changed)
	}
}

func TestTheEmptyNamespaceIsWhatItWas(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	in := join(t, server.URL())
	in.in(t, "a")
	require.Equal(t, "mlc:changes", in.client.changes())
	require.Equal(t, "mlc:wake:"+in.client.id, in.client.own())
	require.ElementsMatch(t,
		[]string{"mlc:changes", "mlc:wake:" + in.client.id, "mlc:a:changes", "mlc:a:wake:" + in.client.id},
		lines(server.Command("PUBSUB", "CHANNELS")))
}

func lines(answer string) []string { return strings.Split(answer, "\n") }
