package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// network is a Redis that is some way off.
type network struct {
	rtt    time.Duration
	secure bool
}

func (n network) String() string {
	if n.secure {
		return n.rtt.String() + " TLS"
	}
	return n.rtt.String()
}

// start starts a server at the far end of such a network.
func (n network) start(t *testing.T) (*redistest.Server, *redistest.Proxy) {
	t.Helper()
	server := redistest.Start(t)
	proxy := n.proxy(t, server)
	proxy.Become(redistest.Network{RTT: n.rtt, Jitter: 0.2, Seed: 1})
	return server, proxy
}

func (n network) proxy(t *testing.T, server *redistest.Server) *redistest.Proxy {
	t.Helper()
	if n.secure {
		return redistest.StartTLSProxy(t, server.Addr(), certificate)
	}
	return redistest.StartProxy(t, server.Addr())
}

func (n network) contracts(t *testing.T) {
	server, proxy := n.start(t)
	contracts(t, proxy.URL(), server.URL())
}

func TestTheContractsAreKeptOverANetwork(t *testing.T) {
	t.Parallel()
	network{rtt: 2 * time.Millisecond, secure: true}.contracts(t)
}

// far is a member whose budget is what is recommended for the network: three round
// trips, at least 50 ms.
func far(t *testing.T, n network, proxy *redistest.Proxy) member {
	t.Helper()
	o := options(proxy.URL())
	o.Timeout = max(50*time.Millisecond, 3*n.rtt)
	return member{instance: instanceOf(t, o, times)}
}

// To connect takes five round trips or more, a call has three. The network is slower
// than any real one, and there are no more calls at once than lanes for them, so a busy
// machine makes no difference.
func TestConnectingSpendsNoBudgetFromTheFirstCallOn(t *testing.T) {
	t.Parallel()
	n := network{rtt: time.Second, secure: true}
	server, proxy := n.start(t)
	a, b := far(t, n, proxy), join(t, server.URL())
	var all sync.WaitGroup
	for i := range leaseLanes {
		all.Go(func() {
			key := parse(t, fmt.Sprintf("cold %d", i))
			lease, err := a.locker.Acquire(t.Context(), key)
			assert.NoError(t, err)
			assert.NoError(t, a.store.Fill(t.Context(), key, entry, lease))
			assert.NoError(t, stored(t.Context(), a, key, true))
			assert.NoError(t, stored(t.Context(), b, key, true))
		})
	}
	all.Wait()
	require.Equal(t, "ok", a.client.Health(t.Context()))
}

// refusing are ways in which a server answers nothing but errors, and how it is
// mended. Each is told the server and a second one.
var refusing = map[string]struct {
	refuse, mend func(s, other *redistest.Server)
}{
	"READONLY": {
		func(s, other *redistest.Server) {
			host, port, _ := strings.Cut(other.Addr(), ":")
			s.Command("REPLICAOF", host, port)
		},
		func(s, _ *redistest.Server) { s.Command("REPLICAOF", "NO", "ONE") },
	},
	"OOM": {
		func(s, _ *redistest.Server) { s.Command("CONFIG", "SET", "maxmemory", "1") },
		func(s, _ *redistest.Server) { s.Command("CONFIG", "SET", "maxmemory", "0") },
	},
	"NOPERM": {
		func(s, _ *redistest.Server) { s.Command("ACL", "SETUSER", "default", "-set") },
		func(s, _ *redistest.Server) { s.Command("ACL", "SETUSER", "default", "+@all") },
	},
	"NOPERM for EVAL": {
		func(s, _ *redistest.Server) { s.Command("ACL", "SETUSER", "default", "-evalsha", "-eval") },
		func(s, _ *redistest.Server) { s.Command("ACL", "SETUSER", "default", "+@all") },
	},
	"NOPERM for channels": {
		func(s, _ *redistest.Server) { s.Command("ACL", "SETUSER", "default", "resetchannels") },
		func(s, _ *redistest.Server) { s.Command("ACL", "SETUSER", "default", "allchannels") },
	},
	"MISCONF": {
		func(s, _ *redistest.Server) {
			s.Command("CONFIG", "SET", "min-replicas-to-write", "1") // NOREPLICAS, its kin
		},
		func(s, _ *redistest.Server) { s.Command("CONFIG", "SET", "min-replicas-to-write", "0") },
	},
}

var refusalCode = regexp.MustCompile(`^the server answers [A-Z]+$`)

func TestAServerThatRefusesIsTreatedAsGoneAndUsedAgainWhenItObeys(t *testing.T) {
	t.Parallel()
	for name, way := range refusing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, other := redistest.Start(t), redistest.Start(t)
			log := &syncLog{}
			o := options(server.URL())
			o.Logger = slog.New(slog.NewTextHandler(log, nil))
			client := newClient(t, o)
			bus := NewBus(client)
			t.Cleanup(bus.Close)
			eventually(t, "subscribed", bus.Subscribed)
			began := time.Now()
			way.refuse(server, other)
			eventually(t, "degraded", func() bool { return client.Health(t.Context()) == "degraded" })
			t.Logf("noticed after %v: %v", time.Since(began), client.Fault())
			eventually(t, "the reason", func() bool { return refusalCode.MatchString(client.Reason()) })
			require.False(t, bus.Available())
			_, _, err := NewStore(client).Get(t.Context(), parse(t, "k"))
			require.Error(t, err, "it is not asked")
			began = time.Now()
			way.mend(server, other)
			eventually(t, "ok", func() bool { return client.Health(t.Context()) == "ok" && bus.Subscribed() })
			t.Logf("used again after %v", time.Since(began))
			eventually(t, "the log has it", func() bool { return strings.Contains(log.String(), "usable again") })
			require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log)
			require.Equal(t, 1, strings.Count(log.String(), "usable again"), log)
		})
	}
}

func TestARotatedPasswordCostsFewConnections(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	url := strings.Replace(server.URL(), "redis://", "redis://mlcache:first@", 1)
	server.Command("ACL", "SETUSER", "mlcache", "on", ">first", "~*", "&*", "+@all")
	in := join(t, url)
	server.Command("ACL", "SETUSER", "mlcache", "resetpass", ">second")
	server.Command("CLIENT", "KILL", "USER", "mlcache")
	eventually(t, "degraded", func() bool { return in.client.Fault() != nil })
	before := accepted(t, server)
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		_, _, err := in.store.Get(t.Context(), parse(t, "k"))
		require.Error(t, err)
	}
	require.Less(t, accepted(t, server)-before, 30)
	require.ErrorContains(t, in.client.Fault(), "WRONGPASS")
	require.NotContains(t, in.client.Fault().Error(), "first")
	server.Command("ACL", "SETUSER", "mlcache", ">first")
	eventually(t, "ok", func() bool { return in.client.Fault() == nil && in.bus.Subscribed() })
}

// accepted returns how many connections the server has accepted.
func accepted(t *testing.T, s *redistest.Server) (n int) {
	t.Helper()
	_, after, _ := strings.Cut(s.Command("INFO", "stats"), "total_connections_received:")
	_, err := fmt.Sscan(after, &n)
	require.NoError(t, err)
	return n
}

func TestAClusterThatIsNamedByOneAddressIsRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Args("--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(redistest.FreePort(t))))
	c, err := NewClient(options(server.URL()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	eventually(t, "refused", func() bool {
		return strings.Contains(c.Fault().Error(), "name at least two of its addresses")
	})
}

func TestAWriteThatFailedDoesNotTakeEffectLater(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a, b := far(t, network{}, proxy), join(t, server.URL())
	key := parse(t, "k")
	for trial := range 20 {
		require.NoError(t, b.store.Invalidate(t.Context(), key, domain.Invalidation{})) // knows the script
		late := proxy.HoldRequest("late value")
		require.Error(t, has(t, late, func() error {
			return a.store.Put(t.Context(), key, domain.NewEntry(domain.Value{Body: "late value"}, time.Minute, 0))
		}))
		require.NoError(t, b.store.Invalidate(t.Context(), key, domain.Invalidation{}))
		late.Deliver() // although the connection is closed, what was sent on it arrives
		awaitClosed(t, late.Over)
		for range 3 {
			require.NoError(t, stored(t.Context(), b, key, false), "trial %d", trial)
		}
	}
}

// has repeats a call until it is the one that has the accident, and returns its error.
// Those before were not sent: a budget of 50 ms is little on a busy machine.
func has(t *testing.T, a *redistest.Accident, call func() error) (err error) {
	t.Helper()
	eventually(t, "the accident", func() bool {
		if err = call(); errors.Is(err, errNoReply) {
			awaitClosed(t, a.Begun)
		}
		select {
		case <-a.Begun:
			return true
		default:
			return false
		}
	})
	return err
}

func TestAnInstanceReceivesTheInvalidationOfItsOwnWriteThatFailed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	m := far(t, network{}, proxy)
	m.news = &news{changed: make(chan domain.Key, 10)}
	m.bus.Listen(m.news)
	awaitListening(t, m.instance)
	lucky, tries := parse(t, "lucky"), 0
	eventually(t, "the invalidation is received", func() bool {
		tries++
		name := fmt.Sprintf("unlucky-%d-", tries)
		unlucky := parse(t, name)
		eventually(t, "a write that succeeds", func() bool { return m.store.Put(t.Context(), lucky, entry) == nil })
		gaps := m.news.gaps.Load()
		for len(m.news.changed) > 0 {
			<-m.news.changed // of tries for which the machine was too busy
		}
		// The reply never comes, and the message after the failure.
		reply, message := proxy.HoldReply("{"+name+"}"), proxy.HoldMessage(name)
		require.ErrorIs(t, has(t, reply, func() error { return m.store.Put(t.Context(), unlucky, entry) }), errNoReply)
		if server.Command("EXISTS", namesOf(prefix, unlucky).value) == "0" { // it came too late on a busy machine, and was not done
			return false
		}
		message.Deliver()
		eventually(t, "it is told", func() bool { return len(m.news.changed) > 0 || m.news.gaps.Load() > gaps })
		if m.news.gaps.Load() > gaps { // the subscription broke on a busy machine, and the message with it
			return false
		}
		require.Equal(t, unlucky, <-m.news.changed, "and nothing of the write that succeeded")
		return true
	})
}

func TestALostOrLateAnswerToAnAcquireLeavesNoLockBehind(t *testing.T) {
	t.Parallel()
	for name, accident := range map[string]func(*redistest.Proxy, string) *redistest.Accident{
		"lost": (*redistest.Proxy).LoseReply,
		"late": (*redistest.Proxy).HoldReply,
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr())
			a, b := far(t, network{}, proxy), join(t, server.URL())
			winAndRelease(t, b, parse(t, "other")) // the server knows the script from now on
			key := parse(t, "k")
			happened := accident(proxy, "{k}:lock")
			require.ErrorIs(t, has(t, happened, func() error {
				_, err := a.locker.Acquire(t.Context(), key)
				return err
			}), errNoReply)
			if name == "late" {
				happened.Deliver()
			}
			// b does not wait for the TTL of an hour.
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := b.locker.Await(ctx, key)
			require.NoError(t, err)
			winAndRelease(t, b, key)
		})
	}
}

// winAndRelease wins a lease, which must be free, and gives it back.
func winAndRelease(t *testing.T, in member, key domain.Key) {
	t.Helper()
	lease, err := in.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, in.locker.Release(t.Context(), key, lease, ports.Ending{}))
}

func TestAnAcquireThatArrivesLateTakesNoLease(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a, b := far(t, network{}, proxy), join(t, server.URL())
	winAndRelease(t, b, parse(t, "other")) // the server knows the script from now on
	key := parse(t, "k")
	late := proxy.HoldRequest("{k}:lock")
	require.Error(t, has(t, late, func() error {
		_, err := a.locker.Acquire(t.Context(), key)
		return err
	}))
	late.Deliver()
	awaitClosed(t, late.Over)
	winAndRelease(t, b, key)
}

func TestABatchThatTakesLongerThanTheBudgetIsNoFailureWhileBytesArrive(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	o := options(proxy.URL())
	o.Timeout = 4 * time.Second
	in, direct := instanceOf(t, o, times), join(t, server.URL())
	const size = 30 << 10
	large, keys := domain.NewEntry(domain.Value{Body: strings.Repeat("x", size)}, time.Hour, 0), make([]domain.Key, readsAtOnce)
	for i := range keys {
		keys[i] = parse(t, fmt.Sprint(i))
		require.NoError(t, direct.store.Put(t.Context(), keys[i], large))
	}
	proxy.Become(redistest.Network{Bandwidth: 512 << 10})
	began := time.Now()
	for _, f := range in.store.GetMany(t.Context(), keys) {
		require.NoError(t, f.Err)
		require.True(t, f.OK)
	}
	require.Greater(t, time.Since(began), in.client.timeout)
	require.Equal(t, "ok", in.client.Health(t.Context()))
}

func TestALockThatNeverExpiresIsCappedAtTheLockTTL(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	in := open(t, server.URL(), LockerOptions{TTL: 200 * time.Millisecond})
	awaitListening(t, in)
	for i, ttl := range []time.Duration{0, 24 * time.Hour} {
		key := parse(t, fmt.Sprintf("k%d", i))
		require.NoError(t, in.client.rdb.Set(t.Context(), namesOf(prefix, key).lock, "foreign", ttl).Err())
		_, err := in.locker.Acquire(t.Context(), key)
		require.ErrorIs(t, err, domain.ErrLeaseHeld)
		eventually(t, "the lock is free", func() bool { // once, unless the subscription breaks
			ending, err := in.locker.Await(t.Context(), key)
			require.NoError(t, err)
			require.Zero(t, ending)
			_, err = in.locker.Acquire(t.Context(), key)
			return err == nil
		})
	}
}

func TestAnAddressThatLeadsToAnotherServerIsNoticed(t *testing.T) {
	t.Parallel()
	first, second := redistest.Start(t), redistest.Start(t)
	proxy := redistest.StartProxy(t, first.Addr())
	in, there := join(t, proxy.URL()), join(t, second.URL())
	key := parse(t, "k")
	require.NoError(t, in.store.Put(t.Context(), key, entry))
	awaitGap := in.gap(t)
	proxy.PointTo(second.Addr()) // those that stand stay with the first
	awaitGap()
	eventually(t, "used again", func() bool { return in.client.Fault() == nil && in.bus.Subscribed() })
	require.NoError(t, stored(t.Context(), in, key, false), "it is read from the second")
	require.NoError(t, in.store.Put(t.Context(), key, entry))
	require.NoError(t, stored(t.Context(), there, key, true), "and written there")
}

func TestASubscriptionThatFallsSilentIsAGap(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	in := join(t, proxy.URL())
	awaitGap := in.gap(t)
	proxy.HoldMessage(beatMark) // and with it all that follows
	awaitGap()
	eventually(t, "connected", in.bus.Subscribed)
}

func TestOptionsByWhichReplicasAnswerAreRefused(t *testing.T) {
	t.Parallel()
	for _, option := range staleReads {
		_, err := NewClient(options("redis://a:1,b:2?" + option + "=true"))
		require.ErrorContains(t, err, option)
	}
}

func TestACallThatWaitsForALaneEndsWhenTheServerGoesOutOfUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{connections: &connections{timeout: time.Hour, log: slog.New(slog.DiscardHandler), settle: func() {}}}
		n := &node{client: c, changed: make(chan struct{})}
		c.nodes = single{n}
		for range lanesPerNode {
			n.lanes = append(n.lanes, &lane{node: n}) // whose connections have broken
		}
		ended, gone, began := make(chan error), errors.New("gone"), time.Now()
		go func() { ended <- n.do(context.Background(), reads, &call{}) }()
		synctest.Wait()
		n.out(t.Context(), gone)
		require.ErrorIs(t, <-ended, gone)
		require.Zero(t, time.Since(began))
	})
}

func TestAConnectionIsClosedWhenNoBatchIsUnderWayOnIt(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	conn := client.Conn()
	l := &lane{node: &node{running: &sync.WaitGroup{}}, conn: conn, broken: make(chan struct{}), busy: true}
	l.drop(conn)
	l.node.running.Wait()
	require.NotErrorIs(t, conn.Ping(t.Context()).Err(), redis.ErrClosed)
	require.False(t, l.sendBatch(), "the batch has ended")
	l.node.running.Wait()
	require.ErrorIs(t, conn.Ping(t.Context()).Err(), redis.ErrClosed)
}
