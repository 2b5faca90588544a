package redis

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// waitingFor returns an instance whose writes wait for so many replicas.
func waitingFor(t *testing.T, url string, replicas int, timeout time.Duration) instance {
	t.Helper()
	o := options(url)
	o.WaitReplicas, o.Timeout = replicas, timeout
	return instanceOf(t, o, times)
}

func TestAWriteThatTooFewReplicasHaveFails(t *testing.T) {
	t.Parallel()
	pair := redistest.StartPair(t)
	in := waitingFor(t, pair.Master.URL(), 1, 2*time.Second)
	two := waitingFor(t, pair.Master.URL(), 2, 2*time.Second)
	key, ctx := parse(t, "k"), t.Context()
	large := domain.NewEntry(domain.Value{Body: strings.Repeat("x", 2*bulky)}, time.Hour, 0)
	for _, e := range []*domain.Entry{entry, large} {
		require.NoError(t, in.store.Put(ctx, key, e))
		require.NoError(t, in.store.Invalidate(ctx, key, domain.Invalidation{}))
		require.ErrorIs(t, two.store.Put(ctx, key, e), errNotReplicated)
	}
	pair.Replica.Pause()
	for _, e := range []*domain.Entry{entry, large} {
		require.ErrorIs(t, in.store.Put(ctx, key, e), errNotReplicated)
	}
	require.ErrorIs(t, in.store.Invalidate(ctx, key, domain.Invalidation{}), errNotReplicated)
	lease, err := in.locker.Acquire(ctx, key)
	require.NoError(t, err)
	require.NoError(t, in.store.Fill(ctx, key, entry, lease), "a load waits for nobody")
	require.Equal(t, "ok", in.client.Health(ctx))
	pair.Replica.Resume()
	eventually(t, "a write succeeds again", func() bool { return in.store.Put(ctx, key, entry) == nil })
}

func TestAnInstanceKnowsThatAWriteOfItsOwnMayBeLost(t *testing.T) {
	t.Parallel()
	pair := redistest.StartPair(t)
	in := waitingFor(t, pair.Master.URL(), 2, 2*time.Second)
	require.ErrorIs(t, in.store.Invalidate(t.Context(), parse(t, "k"), domain.Invalidation{}), errNotReplicated)
	require.Empty(t, in.client.writes.open)
}

func TestWritesThatWaitHoldUpNothingElse(t *testing.T) {
	t.Parallel()
	pair := redistest.StartPair(t)
	in := waitingFor(t, pair.Master.URL(), 1, 2*patience)
	pair.Replica.Pause()
	var writing sync.WaitGroup
	written := make(chan struct{})
	for i := range 100 {
		writing.Go(func() {
			assert.NoError(t, in.store.Invalidate(context.Background(), parse(t, strconv.Itoa(i)), domain.Invalidation{}))
		})
	}
	go func() {
		writing.Wait()
		close(written)
	}()
	eventually(t, "a write waits", func() bool { return strings.Contains(pair.Master.Command("CLIENT", "LIST"), "cmd=wait") })
	for range 20 {
		key := parse(t, "other")
		lease, err := in.locker.Acquire(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, in.locker.Renew(t.Context(), key, lease))
		require.NoError(t, in.locker.Release(t.Context(), key, lease, ports.Ending{}))
		_, _, err = in.store.Get(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, in.store.GetMany(t.Context(), []domain.Key{key})[0].Err)
	}
	select {
	case <-written:
		require.Fail(t, "the writes did not wait")
	default:
	}
	pair.Replica.Resume()
	awaitClosed(t, written)
}

func TestOnAClusterTheReplicasOfTheKeysMasterAreWaitedFor(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	in := waitingFor(t, cluster.URL(), 1, 2*time.Second)
	stopped := cluster.Of(namesOf(prefix, parse(t, "0")).value)
	stopped.Replica.Pause()
	t.Cleanup(stopped.Replica.Resume)
	for i := range someKeys {
		key := parse(t, strconv.Itoa(i))
		if err := in.store.Put(t.Context(), key, entry); cluster.Of(namesOf(prefix, key).value) == stopped {
			require.ErrorIs(t, err, errNotReplicated)
		} else {
			require.NoError(t, err)
		}
	}
}

func TestWithoutTheRightToWaitAServerIsNotUsed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Command("ACL", "SETUSER", "default", "-wait")
	join(t, server.URL())
	o := options(server.URL())
	o.WaitReplicas = 1
	c, err := NewClient(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	eventually(t, "refused", func() bool { return c.Reason() == "the server answers NOPERM" })
}

// Without waiting, this is what a failover can lose.
func TestAFailoverBringsBackADeletedValueUnlessTheDeleteWaited(t *testing.T) {
	t.Parallel()
	for replicas, comesBack := range map[int]string{0: "1", 1: "0"} {
		t.Run(strconv.Itoa(replicas), func(t *testing.T) {
			t.Parallel()
			pair := redistest.StartPair(t)
			in, key := waitingFor(t, pair.Master.URL(), replicas, 2*time.Second), parse(t, "k")
			require.NoError(t, in.store.Put(t.Context(), key, entry))
			awaitReplicated(t, pair.Replica, key)
			pair.Hold()
			err := in.store.Invalidate(t.Context(), key, domain.Invalidation{})
			if replicas == 0 {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errNotReplicated)
				pair.Release()
				require.NoError(t, in.store.Invalidate(t.Context(), key, domain.Invalidation{}))
			}
			pair.Promote()
			require.Equal(t, comesBack, pair.Master.Command("EXISTS", namesOf(prefix, key).value))
		})
	}
}

func TestNoWriteThatSucceededIsLostInAFailover(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		failOverUnderWrites(t, seed)
	}
}

// failOverUnderWrites writes while the connection to the replica comes and goes, kills
// the master in the middle of it and promotes the replica: what the last write of a key
// did that succeeded must be what the replica has.
func failOverUnderWrites(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	pair := redistest.StartPair(t)
	in := waitingFor(t, pair.Master.URL(), 1, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	last := make([]string, 8) // by key, whether it exists; empty when that is not known
	for i := range last {
		own := rand.New(rand.NewPCG(seed, uint64(i)+1))
		all.Go(func() { last[i] = writeUntil(ctx, in, parse(t, strconv.Itoa(i)), own) })
	}
	for range 5 + random.IntN(20) {
		pair.Hold()
		pause(ctx, time.Duration(random.IntN(10))*time.Millisecond)
		pair.Release()
		pause(ctx, time.Duration(random.IntN(10))*time.Millisecond)
	}
	if random.IntN(2) == 0 {
		pair.Hold()
		pause(ctx, time.Duration(random.IntN(10))*time.Millisecond)
	}
	pair.Promote()
	cancel()
	all.Wait()
	for i, exists := range last {
		if exists != "" {
			require.Equal(t, exists, pair.Master.Command("EXISTS", namesOf(prefix, parse(t, strconv.Itoa(i))).value), "seed %d, key %d", seed, i)
		}
	}
}

// writeUntil puts and deletes key until a write fails, and returns whether it exists
// after that, if that is certain. Not all stop at the same time.
func writeUntil(ctx context.Context, in instance, key domain.Key, random *rand.Rand) (exists string) {
	for ctx.Err() == nil {
		if random.IntN(20) == 0 {
			return exists
		}
		exists = "0"
		write := func(ctx context.Context, key domain.Key) error {
			return in.store.Invalidate(ctx, key, domain.Invalidation{})
		}
		if random.IntN(2) == 0 {
			exists = "1"
			write = func(ctx context.Context, key domain.Key) error { return in.store.Put(ctx, key, entry) }
		}
		if write(context.WithoutCancel(ctx), key) != nil {
			return ""
		}
	}
	return exists
}
