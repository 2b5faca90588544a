package redis

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestAValueThatComesBetweenTheReadsIsNotGivenALongerTTL(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	in, other := open(t, proxy.URL(), times), open(t, server.URL(), times)
	key := parse(t, "k")
	lasting := func(ttl time.Duration) *domain.Entry {
		return domain.NewEntry(domain.Value{Body: ttl.String()}, ttl, 0)
	}
	for _, c := range []struct{ old, left, put time.Duration }{
		{old: 30 * time.Minute, left: 10 * time.Minute, put: time.Hour},
		{old: time.Hour, left: time.Hour, put: 10 * time.Minute},
	} {
		require.NoError(t, other.store.Put(t.Context(), key, lasting(c.old)))
		older(t, other.client.rdb, prefix, c.old-c.left)
		between := proxy.HoldRequest("getrange\r\n$7\r\nmlc:{k}")
		found := make(chan ports.Found, 1)
		go func() { found <- in.store.GetMany(context.Background(), []domain.Key{key})[0] }()
		awaitClosed(t, between.Begun)
		require.NoError(t, other.store.Put(t.Context(), key, lasting(c.put)))
		between.Deliver()
		got := <-found
		require.NoError(t, got.Err)
		if got.OK {
			require.LessOrEqual(t, got.Copy.Remaining, 10*time.Minute)
			require.Positive(t, got.Copy.Remaining)
		}
	}
}

func TestForeignTTLsAreNotBelievedInAmongManyEither(t *testing.T) {
	t.Parallel()
	in := open(t, redistest.Start(t).URL(), times)
	form := domain.AppendStored(nil, domain.NewEntry(domain.Value{Body: "v"}, 30*time.Second, 0))
	endless, longer, list := parse(t, "endless"), parse(t, "longer"), parse(t, "list")
	require.NoError(t, in.client.rdb.Set(t.Context(), "mlc:{endless}", form, 0).Err())
	require.NoError(t, in.client.rdb.Set(t.Context(), "mlc:{longer}", form, time.Hour).Err())
	require.NoError(t, in.client.rdb.LPush(t.Context(), "mlc:{list}", "x").Err())
	require.NoError(t, in.client.rdb.Expire(t.Context(), "mlc:{list}", time.Hour).Err())
	found := in.store.GetMany(t.Context(), []domain.Key{endless, longer, list, parse(t, "none")})
	require.NoError(t, found[0].Err)
	require.False(t, found[0].OK, "a value without an end is never fresh")
	require.NoError(t, found[1].Err)
	require.False(t, found[1].OK, "nobody knows how old it is")
	require.ErrorIs(t, found[2].Err, domain.ErrUndecodable)
	require.False(t, found[2].OK)
	require.NoError(t, found[3].Err, "one that fails does not fail the others")
	require.False(t, found[3].OK)
}

// The first calls find the server dead. After some, the client does not ask it any
// more.
func TestWithoutAServerManyAndTheStateFailAsWell(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	in := open(t, server.URL(), times)
	keys := []domain.Key{parse(t, "a"), parse(t, "b")}
	server.Kill()
	for in.client.Breaker() == "closed" {
		for _, f := range in.store.GetMany(t.Context(), keys) {
			require.Error(t, f.Err)
			require.False(t, f.OK)
		}
		state := in.locker.State(t.Context(), keys[0])
		require.Error(t, state.Err)
		require.False(t, state.Held)
	}
	for _, f := range in.store.GetMany(t.Context(), keys) {
		require.Error(t, f.Err, "not even asked")
	}
	require.Error(t, in.locker.State(t.Context(), keys[0]).Err)
}

func TestTheStateTellsTheLeaseAndTheFailureEachWithItsOwnTTL(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	in, other := open(t, server.URL(), times), open(t, server.URL(), times)
	key := parse(t, "k")
	lease, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	// Both never stand at once by themselves. Here neither may be taken for the other.
	require.NoError(t, in.client.rdb.Set(t.Context(), namesOf(prefix, key).failure, domain.FailureKind(domain.ErrTimeout), time.Minute).Err())
	for _, asked := range []instance{in, other} {
		state := asked.locker.State(t.Context(), key)
		require.NoError(t, state.Err)
		require.True(t, state.Held)
		require.Equal(t, asked.client == in.client, state.Here)
		require.Equal(t, in.client.id, state.Holder)
		require.NotContains(t, state.Holder, lease.Token, "the rest is a secret")
		require.Greater(t, state.Remaining, 10*time.Second)
		require.LessOrEqual(t, state.Remaining, times.TTL)
		require.ErrorIs(t, state.Failure, domain.ErrTimeout)
		require.Positive(t, state.FailureRemaining)
		require.LessOrEqual(t, state.FailureRemaining, time.Minute)
	}
}

func TestWhatTheServerRefusesToSayIsAnError(t *testing.T) {
	t.Parallel()
	in := open(t, redistest.Start(t).URL(), times)
	key, other := parse(t, "k"), parse(t, "l")
	require.NoError(t, in.store.Put(t.Context(), key, domain.NewEntry(domain.Value{Body: "v"}, time.Hour, 0)))
	require.NoError(t, in.client.rdb.LPush(t.Context(), namesOf(prefix, key).failure, "x").Err())
	require.NoError(t, in.client.rdb.LPush(t.Context(), namesOf(prefix, other).lock, "x").Err())
	require.Error(t, in.locker.State(t.Context(), key).Err)
	require.Error(t, in.locker.State(t.Context(), other).Err)
	require.NoError(t, in.client.rdb.Do(t.Context(), "ACL", "SETUSER", "default", "-pttl").Err())
	require.Error(t, in.store.GetMany(t.Context(), []domain.Key{key})[0].Err)
}

// A soft purge looks at the value before it writes. It ends also where another write
// comes between each time.
func TestASoftPurgeOfWhatChangesAllTheTimeRemovesIt(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	in, other := open(t, proxy.URL(), times), open(t, server.URL(), times)
	key := parse(t, "k")
	put := func(n int) (text string) {
		text = fmt.Sprintf("value %d of a key", n)
		require.NoError(t, other.store.Put(t.Context(), key, domain.NewEntry(domain.Value{Body: text}, time.Hour, 0).Kept(time.Hour)))
		return text
	}
	held := proxy.HoldRequest(put(0))
	purged := make(chan error, 1)
	go func() { purged <- in.store.Invalidate(context.Background(), key, domain.Invalidation{Soft: true}) }()
	for n := range softAttempts {
		awaitClosed(t, held.Begun)
		text := put(n + 1)
		late := held
		if n+1 < softAttempts {
			held = proxy.HoldRequest(text)
		}
		late.Deliver()
	}
	require.NoError(t, <-purged)
	_, ok, err := other.store.Get(t.Context(), key)
	require.NoError(t, err)
	require.False(t, ok)
}
