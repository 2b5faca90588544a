package prove

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// noticed is when a subscription that has fallen silent is known to be, at the latest.
const noticed = 4 * time.Second

func silentBus(s *stage) {
	f := &fleet{stage: s, redis: redistest.Start(s), origin: cachetest.StartOrigin(s)}
	proxy := redistest.StartProxy(s, f.redis.Addr())
	const budget = "--l2-timeout=500ms" // a subscription is silent for longer than that
	f.join(proxy.URL(), 1, budget)
	f.join(f.redis.URL(), instances-1, budget)
	deaf, others := f.members[0], f.members[1:]
	f.hold("k")
	silence := proxy.HoldMessage(" k\r\n") // the invalidation, and all that follows
	f.origin.Change("k", 2)
	f.remove(others[0], "k")
	removed := time.Now()
	cachetest.Eventually(s, "the invalidation is on its way", func() bool { return hasBegun(silence) })
	old, last := 0, removed
	cachetest.Eventually(s, "the instance answers the new value", func() bool {
		asked := time.Now()
		if deaf.Get("k").Body == cachetest.ValueOf("k", 2) {
			return true
		}
		old, last = old+1, asked
		return false
	})
	f.claim(old > 0, "the instance did not receive the invalidation of a DELETE", "it answered the old value %d times", old)
	f.within(last.Sub(removed), noticed, "it notices, and answers the new value")
	f.version("k", 2, "the old value does not come back")
	silence.Deliver()
	f.await("memory is used again", func(p *Process) bool { return p.Get("k").Layer() == "l1" })
}

func slowNetwork(s *stage) {
	const rtt, many, keys = 20 * time.Millisecond, 200, 50
	f := &fleet{stage: s, redis: redistest.Start(s), origin: cachetest.StartOrigin(s)}
	proxy := redistest.StartProxy(s, f.redis.Addr())
	proxy.Become(redistest.Network{RTT: rtt, Jitter: 0.2, Seed: 1})
	f.join(proxy.URL(), instances)
	replies, after := f.getHeld(many, "cold", cachetest.Plan{})
	f.answered(replies, http.StatusOK, cachetest.ValueOf("cold", 0))
	f.loads("cold", 1, "200 requests for one key on three instances are one call of the source")
	f.within(after, 2*rtt+5*time.Millisecond, "the last of them is answered, from the end of the load,")

	shared := 0
	for i := range keys {
		f.members[0].Get("key-" + strconv.Itoa(i))
		if f.members[1].Get("key-"+strconv.Itoa(i)).Layer() == "l2" {
			shared++
		}
	}
	f.claim(shared == keys, "what one instance loads, another finds in Redis", "%d of %d values", shared, keys)
	var failures, unleased float64
	for _, p := range f.members {
		failures += p.Metrics()["l2_failures"]
		unleased += p.Metrics()["loads_unleased"]
	}
	f.claim(failures+unleased == 0, "no call of Redis fails, and no load goes without its lock", "%v failures, %v loads without", failures, unleased)
}

func lateReply(s *stage) {
	f := &fleet{stage: s, redis: redistest.Start(s), origin: cachetest.StartOrigin(s)}
	proxy := redistest.StartProxy(s, f.redis.Addr())
	f.join(f.redis.URL(), 1)
	f.join(proxy.URL(), 1, "--l2-timeout=200ms")
	near, far := f.members[0], f.members[1]
	for i, seen := 0, 0; seen < 3; i++ {
		f.await("Redis is in use", func(p *Process) bool { return p.Metrics()["l2_up"] == 1 })
		key := "late-" + strconv.Itoa(i)
		late := proxy.HoldReply("{" + key + "}:lock")
		f.answered([]Reply{far.Get(key)}, http.StatusOK, cachetest.ValueOf(key, 0)) // loaded without a lock
		if !hasBegun(late) {
			continue // on a busy machine Redis was out of use just then, and was not asked
		}
		seen++
		late.Deliver()
		gone := cachetest.Eventually(s, "the lock is given back", func() bool {
			return f.redis.Command("EXISTS", "mlc:{"+key+"}:lock") == "0"
		})
		f.within(gone, time.Second, "the lock, which would stand for a minute, is given back")
		r := near.Get(key)
		f.within(r.Took, time.Second, "another instance answers")
		calls := f.origin.Called(key)
		f.claim(calls <= 2, "the key is loaded once more at the most", "%d calls", calls)
	}
}

// hasBegun reports whether what is to happen on a network has begun.
func hasBegun(a *redistest.Accident) bool {
	select {
	case <-a.Begun:
		return true
	default:
		return false
	}
}

func redisKilled(s *stage) {
	f := s.gather()
	f.hold("hot")
	f.redis.Kill()
	f.degraded()
	f.alone("hot", "cold", 5*time.Second)
	f.redis.Restart()
	began := time.Now()
	f.together()
	f.within(time.Since(began), 2*time.Second, "when Redis is back, all work together again")
}

// alone claims what is promised without Redis, where a load takes no longer than bound.
func (f *fleet) alone(hot, cold string, bound time.Duration) {
	const many = 300
	f.origin.Answer(cold, cachetest.Plan{Delay: 200 * time.Millisecond})
	over := make(chan []Reply, 1)
	go func() { over <- f.get(many, cold) }()
	var hits []Reply
	for replies := []Reply(nil); replies == nil; {
		for _, p := range f.members {
			hits = append(hits, p.Get(hot))
		}
		select {
		case replies = <-over:
			f.answered(replies, http.StatusOK, cachetest.ValueOf(cold, 0))
			f.within(slowest(replies), bound, "the slowest answer comes")
		default:
		}
	}
	calls := f.origin.Called(cold)
	f.claim(calls <= len(f.members), "a new key is loaded once for each instance at the most", "%d calls for %d requests on %d instances", calls, many, len(f.members))
	f.answered(hits, http.StatusOK, "")
	f.claim(f.origin.Called(hot) == 1, "what was in memory is answered from there", "%d answers meanwhile, %d calls of the source ever", len(hits), f.origin.Called(hot))
}

// together returns when the members share a load and hear of each other's writes.
func (f *fleet) together() {
	n := 0
	cachetest.Eventually(f.stage, "the instances work together", func() bool {
		n++
		key := "together-" + strconv.Itoa(n)
		if !f.redis.Runs() || len(f.get(3*len(f.members), key)) == 0 || f.origin.Called(key) != 1 {
			return false
		}
		if f.members[0].Do(http.MethodDelete, "/data/"+key, "").Status != http.StatusNoContent {
			return false
		}
		f.get(3*len(f.members), key)
		return f.origin.Called(key) == 2 && !slices.ContainsFunc(f.get(len(f.members), key), func(r Reply) bool { return r.Layer() != "l1" })
	})
}

func failover(s *stage) {
	const keys = 20
	sentinel := redistest.StartSentinel(s)
	f := &fleet{stage: s, redis: sentinel.Master, origin: cachetest.StartOrigin(s)}
	f.join(sentinel.URL(), instances, "--redis-wait=1")
	f.hold("hot")
	for i := range keys {
		f.write(f.members[i%instances], http.MethodPut, "/data/put-"+strconv.Itoa(i), "written")
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		sentinel.KillMaster()
	}()
	f.alone("hot", "cold", 20*time.Second) // sentinels take their time
	<-over
	sentinel.Replica.Restart() // the former master, whose writes have to reach a replica
	sentinel.AwaitInStep()
	f.redis = sentinel.Master
	replicated := time.Now()
	f.together()
	f.within(time.Since(replicated), 2*time.Second, "when the former master follows the new one, all work together again")
	f.join(sentinel.URL(), 1, "--redis-wait=1") // which has nothing in memory
	var lost []string
	for i := range keys {
		key := "put-" + strconv.Itoa(i)
		if r := f.members[instances].Get(key); r.Body != "written" {
			lost = append(lost, fmt.Sprintf("%s: %d %s (%s)", key, r.Status, r.Body, r.Layer()))
		}
	}
	f.claim(len(lost) == 0, "no write is lost that was answered as done", "%d of %d %s", keys-len(lost), keys, strings.Join(lost, ", "))
}
