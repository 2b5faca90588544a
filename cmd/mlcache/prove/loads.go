package prove

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

func storm(s *stage) {
	const many, keys, each = 1000, 10, 30
	f := s.gather()
	replies, _ := f.getHeld(many, "cold", cachetest.Plan{})
	f.answered(replies, http.StatusOK, cachetest.ValueOf("cold", 0))
	f.loads("cold", 1, "1,000 requests for one key are one call of the source")

	f.origin.Answer("", cachetest.Plan{Delay: 100 * time.Millisecond})
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() { f.get(each, "key-"+strconv.Itoa(i)) })
	}
	all.Wait()
	calls := 0
	for i := range keys {
		calls += f.origin.Called("key-" + strconv.Itoa(i))
	}
	f.claim(calls == keys, "10 keys at once are one call each", "%d calls for %d keys", calls, keys)

	ttl := s.leaseTTL(3 * time.Second)
	f = s.gather("--lock-ttl=" + ttl.String())
	replies, _ = f.getHeld(60, "slow", cachetest.Plan{Delay: ttl + time.Second})
	f.answered(replies, http.StatusOK, cachetest.ValueOf("slow", 0))
	f.loads("slow", 1, "also when the load takes longer than the TTL of its lock")
}

func failingSource(s *stage) {
	f := s.gather("--failure-cooldown=5m")
	replies, _ := f.getHeld(1000, "broken", cachetest.Plan{How: cachetest.Fail})
	f.answered(replies, http.StatusBadGateway, "")
	f.loads("broken", 1, "1,000 requests for a key that fails are one call of the source")
	f.answered(f.get(100, "broken"), http.StatusBadGateway, "")
	f.loads("broken", 1, "further requests do not call it again during the cool-down")
	f.origin.Answer("broken", cachetest.Plan{})
	f.remove(f.members[0], "broken")
	f.answered(f.get(3, "broken"), http.StatusOK, cachetest.ValueOf("broken", 0))
}

func hungSource(s *stage) {
	const timeout = 2 * time.Second
	f := s.gather("--source-timeout="+timeout.String(), "--failure-cooldown=5m")
	f.hold("hot")
	f.origin.Answer("hung", cachetest.Plan{How: cachetest.Hang})
	over := make(chan []Reply, 1)
	go func() { over <- f.get(100, "hung") }()
	hits, wrong := 0, 0
	for replies := []Reply(nil); replies == nil; {
		for _, p := range f.members {
			r := p.Get("hot")
			hits++
			if r.Body != cachetest.ValueOf("hot", 1) {
				wrong++
			}
		}
		select {
		case replies = <-over:
			f.answered(replies, http.StatusGatewayTimeout, "")
			f.within(slowest(replies), timeout, "the slowest is told")
		default:
		}
	}
	f.loads("hung", 1, "all of them are one call of the source")
	f.claim(wrong == 0, "another key is answered from memory meanwhile", "%d of %d answers were wrong", wrong, hits)

	f.join(f.redis.URL(), 1, "--source-timeout="+timeout.String(), "--ttl=1s", "--stale-if-error=1h")
	one := f.members[instances]
	r := one.Get("old")
	f.origin.Answer("old", cachetest.Plan{How: cachetest.Hang})
	cachetest.Eventually(f.stage, "the value expires", func() bool { r = one.Get("old"); return r.Layer() == "stale" })
	f.claim(r.Status == http.StatusOK, "an expired value is served in its place, where there is one", "status %d after %v", r.Status, r.Took.Round(time.Millisecond))
}

func killedHolder(s *stage) {
	ttl := s.leaseTTL(3 * time.Second)
	f := s.gather("--lock-ttl=" + ttl.String())
	holder, others := f.members[0], f.members[1:]
	release := f.origin.Hold("k", cachetest.Plan{})
	cut := make(chan Reply, 1)
	go func() { cut <- holder.Get("k") }()
	f.origin.AwaitCall(f.stage, "k", 1)
	replies := make(chan []Reply, 1)
	go func() { replies <- f.get(300, "k", others...) }()
	f.awaitWaiting(300, others...)
	holder.Kill()
	killed := time.Now()
	f.origin.AwaitCall(f.stage, "k", 2)
	f.within(time.Since(killed), ttl, "another instance loads")
	release()
	f.answered(<-replies, http.StatusOK, cachetest.ValueOf("k", 0))
	<-cut
	f.loads("k", 2, "that is one more call of the source")
}

func pausedHolder(s *stage) {
	f := s.gather("--lock-ttl=" + s.leaseTTL(time.Second).String())
	paused, other := f.members[0], f.members[1]
	f.origin.Change("k", 1)
	release := f.origin.Hold("k", cachetest.Plan{})
	early := make(chan Reply, 1)
	go func() { early <- paused.Get("k") }()
	f.origin.AwaitCall(f.stage, "k", 1)
	paused.Pause()
	cachetest.Eventually(f.stage, "its lease expires", func() bool { return f.redis.Command("KEYS", "mlc:*:lock") == "" })
	f.origin.Change("k", 2)
	f.origin.Answer("k", cachetest.Plan{})
	f.remove(other, "k")
	f.answered(f.get(30, "k", f.members[1:]...), http.StatusOK, cachetest.ValueOf("k", 2))
	release()
	paused.Resume()
	resumed := time.Now()
	f.answered([]Reply{<-early}, http.StatusOK, "") // which asked before the DELETE
	cachetest.Eventually(f.stage, "it catches up", func() bool { return paused.Get("k").Body == cachetest.ValueOf("k", 2) })
	f.within(time.Since(resumed), 4*time.Second, "the instance that was stopped answers the new value")
	f.version("k", 2, "the old value does not come back")
	f.loads("k", 2, "that is one more call of the source")
}

// purgeDuringLoad has loads that began before a DELETE and a purge end after it.
func purgeDuringLoad(s *stage) {
	for way, invalidate := range map[string]func(f *fleet, p *Process){
		"a DELETE":         func(f *fleet, p *Process) { f.remove(p, "k") },
		"a purge of a tag": func(f *fleet, p *Process) { f.write(p, http.MethodPost, "/purge", `{"tags":["all"]}`) },
	} {
		f := s.gather()
		f.origin.Change("k", 1)
		release := f.origin.Hold("k", cachetest.Plan{Tags: "all"})
		early := make(chan Reply, 1)
		go func() { early <- f.members[0].Get("k") }()
		f.origin.AwaitCall(f.stage, "k", 1)
		f.origin.Change("k", 2)
		invalidate(f, f.members[1])
		f.origin.Answer("k", cachetest.Plan{Tags: "all"})
		late := make(chan Reply, 1)
		go func() { late <- f.members[1].Get("k") }()
		cachetest.Eventually(f.stage, "it loads, or waits for the load that is under way", func() bool {
			return len(late) == 1 || f.members[1].Metrics()["waiting"] == 1
		})
		release()
		r := <-late
		f.claim(r.Body == cachetest.ValueOf("k", 2), "after "+way+", the instance that did it answers the new value", "%q", r.Body)
		f.answered([]Reply{<-early}, http.StatusOK, "") // which asked before
		done := time.Now()
		f.await("the others receive it", func(p *Process) bool { return p.Get("k").Body == cachetest.ValueOf("k", 2) })
		f.within(time.Since(done), time.Second, "and all the others")
		f.version("k", 2, "the load that began before does not bring the old value back")
	}
}
