package main

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// trial is a fleet whose instances each have a network of their own between them and
// Redis, on which accidents happen, and the history of what clients saw.
type trial struct {
	*fleet
	*cachetest.History
	network redistest.Network
	proxies []*redistest.Proxy // by instance
	budget  time.Duration
	random  *rand.Rand       // of the accidents
	views   []*views         // by instance
	told    []cachetest.Span // outages
}

// trialTTL is short, so that values expire and are loaded during accidents too.
const trialTTL = 2 * time.Second

// trialSeed returns the seed, which the environment may say.
func trialSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("MLCACHE_TEST_HISTORY_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return seed
}

func startTrial(t *testing.T, n redistest.Network, secure bool) *trial {
	t.Helper()
	t.Logf("%+v, TLS %v: to be repeated with MLCACHE_TEST_HISTORY_SEED=%d", n, secure, n.Seed)
	f := &fleet{t: t, redis: redistest.Start(t), origin: cachetest.StartOrigin(t)}
	tr := &trial{fleet: f, network: n, budget: max(50*time.Millisecond, 3*n.RTT),
		random: rand.New(rand.NewPCG(n.Seed, 0))}
	for i := range 3 {
		proxy := redistest.StartProxy(t, f.redis.Addr())
		url := proxy.URL()
		if secure {
			proxy = redistest.StartTLSProxy(t, f.redis.Addr(), newCertificate(t))
			url = proxy.URL() + "?skip_verify=true"
		}
		its := n
		its.Seed += uint64(i)
		proxy.Become(its)
		tr.proxies = append(tr.proxies, proxy)
		tr.members = append(tr.members, launch(t, 1, f.flags(url, "--l2-timeout="+tr.budget.String(),
			"--ttl="+trialTTL.String(), "--refresh-ahead=1"))...)
	}
	f.awaitSubscribed(f.redis)
	return tr
}

func newCertificate(t *testing.T) *redistest.Certificate {
	t.Helper()
	c, err := redistest.NewCertificate(t.TempDir())
	require.NoError(t, err)
	return c
}

// run lets each of the accidents happen so often under load, and checks the history.
func (t *trial) run(l load, rounds int, accidents ...accident) {
	t.t.Helper()
	keys := slices.Concat(l.keys, l.read)
	t.observed(func() {
		over := make(chan struct{})
		var traffic sync.WaitGroup
		traffic.Go(func() { t.traffic(t.History, l, over) })
		for range rounds {
			t.random.Shuffle(len(accidents), func(a, b int) { accidents[a], accidents[b] = accidents[b], accidents[a] })
			for _, next := range accidents {
				t.suffer(next)
			}
		}
		t.settle()
		close(over)
		traffic.Wait()
		time.Sleep(100 * time.Millisecond) // for the last invalidations
		t.readAll(t.History, keys)
	})
}

// observed watches the instances while what goes on, and then checks the history.
func (t *trial) observed(what func()) {
	t.t.Helper()
	t.History, t.views, t.told = cachetest.NewHistory(), nil, nil
	over := make(chan struct{})
	var watching sync.WaitGroup
	for at := range t.members {
		its := &views{}
		t.views = append(t.views, its)
		watching.Go(func() { its.watch(t.fleet, t.History, at, over) })
	}
	what()
	close(over)
	watching.Wait()
	t.require()
}

// suffer lets an accident happen to a fleet that is well.
func (t *trial) suffer(next accident) {
	t.t.Helper()
	t.settle()
	t.origin.Answer("", cachetest.Plan{Delay: upTo(t.random, 30*time.Millisecond)})
	time.Sleep(20*time.Millisecond + upTo(t.random, 80*time.Millisecond))
	at, from := t.random.IntN(len(t.members)), t.Now()
	next.happen(t, at)
	t.t.Logf("%8.1f to %8.1f ms: %s (%d)", inMilliseconds(from), inMilliseconds(t.Now()), next.name, at)
	time.Sleep(50 * time.Millisecond) // for what comes of it to be seen
}

// outage notes that what happens has invalidations missed, or late.
func (t *trial) outage(at int, what func()) {
	from := t.Now()
	what()
	t.told = append(t.told, cachetest.Span{At: at, From: from, To: t.Now()})
}

// cut is an outage by which subscriptions end, for certain. It lasts until the
// instances have noticed, which they may do late, and are subscribed again.
func (t *trial) cut(at int, what func()) {
	t.t.Helper()
	before := make([]float64, len(t.members))
	for i, views := range t.views {
		before[i] = views.look(t.fleet, t.History, i).gaps
	}
	t.outage(at, func() {
		what()
		for i, views := range t.views {
			eventually(t.t, "an instance notices that it missed something", func() bool {
				return i != at && at != cachetest.Everywhere || views.look(t.fleet, t.History, i).gaps > before[i]
			})
		}
	})
}

// settle waits until all instances use Redis and are subscribed.
func (t *trial) settle() {
	t.t.Helper()
	for at := range t.members {
		eventually(t.t, "an instance recovers", func() bool { return t.views[at].look(t.fleet, t.History, at).stands })
	}
}

// promises returns what holds on this network. Where the network itself delivered
// invalidations late, or the instance was slow to answer anything, they may be late.
func (t *trial) promises(slack time.Duration) cachetest.Promises {
	return cachetest.Promises{
		Budget: t.budget, Lifetime: trialTTL + 100*time.Millisecond,
		InVain: func(r cachetest.Operation) bool { return t.views[r.At].failed(r.Begun, r.Ended) >= 2 },
		Invalidated: func(at int, begun time.Duration) time.Duration {
			then := t.Began.Add(begun)
			return t.network.OneWay() + slack + t.proxies[at].Late(then.Add(-promisedSlack), then) + t.views[at].slowest(begun)
		},
	}
}

// slackNeeded returns the least slack with which the history keeps the promises, about.
func (t *trial) slackNeeded() time.Duration {
	slack := -promisedSlack
	for slack < time.Second && t.Violation(t.promises(slack)) != nil {
		slack += promisedSlack / 5
	}
	return slack
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

const promisedSlack = 10 * time.Millisecond

func (t *trial) require() {
	t.t.Helper()
	for at, views := range t.views {
		t.Outages = append(t.Outages, views.outages(at)...)
		for _, o := range t.told {
			if o.At == at || o.At == cachetest.Everywhere {
				t.Outages = append(t.Outages, cachetest.Span{At: at, From: o.From, To: views.stands(o.To)})
			}
		}
	}
	began := time.Now()
	err := t.Violation(t.promises(promisedSlack))
	t.t.Logf("checked in %v, with a slack of %v needed: %v", time.Since(began), t.slackNeeded(), t.History)
	require.NoError(t.t, err)
	require.Empty(t.t, t.Refused)
}

// contended is a load with writers of each key everywhere.
func contended(seed uint64) load {
	l := load{keys: []string{"a", "b"}, writers: 3, read: []string{calm, calm}, seed: seed}
	l.between.writes, l.between.reads = 60*time.Millisecond, 8*time.Millisecond
	return l
}

func TestTheHistoryOfAFleetOverANetworkKeepsThePromises(t *testing.T) {
	t.Parallel()
	tr := startTrial(t, redistest.Network{RTT: 10 * time.Millisecond, Jitter: 0.3, Seed: trialSeed(t)}, false)
	tr.run(contended(tr.network.Seed), 1, brief()...)
}
