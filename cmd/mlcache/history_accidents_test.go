package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// accident is one thing that can happen to an instance, or to all. It makes the writes
// itself that show what comes of it, of keys that are hardly written otherwise, so that
// nothing covers up what stays behind.
type accident struct {
	name   string
	happen func(t *trial, at int)
}

// calm is the key of the accidents.
const calm = "q"

// aWrite is in each request that writes the key, and in no other.
var aWrite = fmt.Sprintf("mlc:{%[1]s}\r\n$%[2]d\r\nmlc:{%[1]s}:lock", calm, len("mlc:{}:lock")+len(calm))

// aRead is in each request that reads it.
var aRead = fmt.Sprintf("pttl\r\n$%d\r\nmlc:{%s}", len("mlc:{}")+len(calm), calm)

// brief returns the accidents that are over soon.
func brief() []accident {
	return []accident{
		{"a write is lost", func(t *trial, at int) { <-t.struck(at, t.anyMethod(), t.proxies[at].LoseRequest(aWrite)) }},
		{"the reply to a write is lost", func(t *trial, at int) { <-t.struck(at, t.anyMethod(), t.proxies[at].LoseReply(aWrite)) }},
		{"the reply to a write is lost, another follows", replyLost},
		{"the reply to a write is late", replyLate},
		{"the reply to a write is slow", replySlow},
		{"the reply to a read is slow", readSlow},
		{"a connection freezes", func(t *trial, at int) { <-t.struck(at, t.anyMethod(), t.proxies[at].FreezeReply(aWrite)) }},
		{"a write is delivered after its deadline", writeLate},
		{"a write is delivered about its deadline", writeHardlyLate},
		{"a write outlives its connection", writeStranded},
		{"an invalidation is late", invalidationLate},
		{"the connections are reset", reset},
		{"the link freezes and thaws", func(t *trial, at int) { t.freeze(at, 100*time.Millisecond+upTo(t.random, 300*time.Millisecond)) }},
	}
}

// lasting returns those that take longer.
func lasting() []accident {
	return []accident{
		{"redis is killed and restarted", func(t *trial, _ int) {
			t.cut(cachetest.Everywhere, func() {
				t.redis.Kill()
				time.Sleep(upTo(t.random, 400*time.Millisecond))
				t.redis.Restart()
			})
		}},
		// Longer than a subscription may be silent.
		{"the link freezes for long", func(t *trial, at int) { t.freeze(at, 3500*time.Millisecond) }},
		{"the connections are reset during a load", resetDuringLoad},
	}
}

// struck begins a write, to which the accident happens, and returns what is closed at
// the write's end. The accident has begun then, unless there was no Redis to write to.
func (t *trial) struck(at int, method string, a *redistest.Accident) (ended <-chan struct{}) {
	end := make(chan struct{})
	go func() {
		defer close(end)
		t.writeOne(t.History, at, method, calm)
	}()
	select {
	case <-a.Begun:
	case <-end:
		t.t.Log("          it did not happen")
	}
	return end
}

func (t *trial) anyMethod() string {
	if t.random.IntN(2) == 0 {
		return http.MethodPut
	}
	return http.MethodDelete
}

// writeElsewhere writes at another instance than that, and returns when that is done.
func (t *trial) writeElsewhere(at int) {
	t.writeOne(t.History, (at+1+t.random.IntN(2))%len(t.members), t.anyMethod(), calm)
}

// writeLate has a write arrive after it failed, and after another one succeeded.
func writeLate(t *trial, at int) {
	a := t.proxies[at].HoldRequest(aWrite)
	<-t.struck(at, http.MethodPut, a) // which shows, where a DELETE might be an expiry
	t.writeElsewhere(at)
	time.Sleep(upTo(t.random, t.budget))
	a.Deliver()
}

func writeHardlyLate(t *trial, at int) {
	a := t.proxies[at].HoldRequest(aWrite)
	ended := t.struck(at, http.MethodPut, a)
	time.Sleep(t.budget - t.network.RTT - 5*time.Millisecond + upTo(t.random, t.network.RTT+5*time.Millisecond))
	a.Deliver()
	<-ended
	t.writeElsewhere(at)
}

// writeStranded has a write arrive in time over a connection that broke before.
func writeStranded(t *trial, at int) {
	a := t.proxies[at].StrandRequest(aWrite)
	ended := t.struck(at, http.MethodPut, a)
	inTime := time.After(t.budget * 3 / 5)
	select {
	case <-ended:
		t.writeElsewhere(at)
	case <-inTime:
	}
	a.Deliver()
	<-ended
}

// replyLost has a write elsewhere succeed while the client is not told yet that its own
// failed, which has taken effect.
func replyLost(t *trial, at int) {
	ended := t.struck(at, http.MethodPut, t.proxies[at].LoseReply(aWrite))
	time.Sleep(2*t.network.OneWay() + 3*time.Millisecond)
	t.readOne(t.History, (at+1)%len(t.members), calm) // so that its effect is seen once
	t.writeElsewhere(at)
	<-ended
}

func replyLate(t *trial, at int) {
	a := t.proxies[at].HoldReply(aWrite)
	<-t.struck(at, t.anyMethod(), a)
	time.Sleep(upTo(t.random, 100*time.Millisecond))
	a.Deliver()
}

// replySlow has the invalidation of a write that came later arrive before the reply.
func replySlow(t *trial, at int) {
	a := t.proxies[at].HoldReply(aWrite)
	ended := t.struck(at, http.MethodPut, a)
	t.writeElsewhere(at)
	time.Sleep(t.network.OneWay() + 3*time.Millisecond)
	a.Deliver()
	<-ended
}

// readSlow has an invalidation arrive before the reply to a read that it is about.
func readSlow(t *trial, at int) {
	a := t.proxies[at].HoldReply(aRead)
	t.writeElsewhere(at)
	select {
	case <-a.Begun:
	case <-time.After(time.Second):
		t.t.Log("          it did not happen")
	}
	t.writeElsewhere(at)
	time.Sleep(t.network.OneWay() + 3*time.Millisecond)
	a.Deliver()
}

func invalidationLate(t *trial, at int) {
	t.outage(at, func() {
		a := t.proxies[at].HoldMessage(" " + calm + "\r\n")
		t.writeElsewhere(at)
		time.Sleep(upTo(t.random, 200*time.Millisecond))
		a.Deliver()
	})
}

func (t *trial) freeze(at int, long time.Duration) {
	t.miss(at, t.outage, t.proxies[at].Silence, func() {
		time.Sleep(long)
		t.proxies[at].Resume()
	})
}

func reset(t *trial, at int) {
	p := t.proxies[at]
	t.miss(at, t.cut, func() { p.Silence(); p.Cut() }, p.Resume)
}

// miss has an instance miss writes of keys that it holds, and is not asked for until it
// is well again.
func (t *trial) miss(at int, outage func(int, func()), begin, end func()) {
	keys := []string{"held-1", "held-2", "held-3", "held-4"}
	for _, key := range keys {
		t.readOne(t.History, at, key)
	}
	outage(at, func() {
		begin()
		var writes sync.WaitGroup
		for i, key := range keys {
			writes.Go(func() { t.writeOne(t.History, (at+1+i%2)%len(t.members), http.MethodDelete, key) })
		}
		t.writeElsewhere(at)
		writes.Wait()
		end()
	})
	t.settle()
	time.Sleep(t.network.OneWay() + 2*promisedSlack)
	for _, key := range keys {
		t.readOne(t.History, at, key)
	}
}

// slowly is how long the origin takes for a load that other things happen during.
const slowly = 700 * time.Millisecond

// duringLoad has the instance load the version before a DELETE elsewhere, and calls
// what then.
func (t *trial) duringLoad(at int, what func()) {
	t.origin.Answer(calm, cachetest.Plan{Delay: slowly})
	t.writeOne(t.History, at, http.MethodDelete, calm) // the readers load it
	time.Sleep(t.network.RTT*2 + 50*time.Millisecond)
	t.origin.Answer(calm, cachetest.Plan{})
	what()
}

func resetDuringLoad(t *trial, at int) {
	t.duringLoad(at, func() {
		t.cut(at, func() {
			t.proxies[at].Cut()
			t.writeOne(t.History, (at+1)%len(t.members), http.MethodDelete, calm)
		})
	})
}
