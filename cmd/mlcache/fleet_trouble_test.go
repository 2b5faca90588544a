//go:build fleet

package main

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// trouble is one thing that can go wrong, and what it excuses.
type trouble struct {
	name string
	at   int // the instance, or everywhere

	late    bool // news may be missed, so that old values may be served up to their TTL
	refuses bool // requests may fail
	alone   bool // each instance may load for itself
	forgets bool // the record of purges is lost
	gap     bool // that record is read again

	begin func()
	end   func() // nil: it is over at once
}

// window is the time that a trouble took.
type window struct {
	trouble
	from, to time.Time
}

// touches reports whether the instance has, or has just had, this trouble in
// the time from begun to ended.
func (w window) touches(at int, begun, ended time.Time) bool {
	here := w.at == cachetest.Everywhere || at == cachetest.Everywhere || w.at == at
	return here && !ended.Before(w.from) && begun.Before(w.to.Add(recovery))
}

// troubles are all kinds there are. Those of one instance are of the one that
// they can be made for, or of the one called victim.
func (s *soak) troubles(victim int) []trouble {
	p := s.members[victim]
	command := func(args ...string) func() { return func() { s.redis.Command(args...) } }
	return []trouble{
		{name: "redis is killed", at: cachetest.Everywhere, late: true, alone: true, gap: true, begin: s.redis.Kill, end: s.redis.Restart},
		{name: "redis hangs", at: cachetest.Everywhere, late: true, alone: true, begin: s.redis.Pause, end: s.redis.Resume},
		{name: "redis pauses its clients", at: cachetest.Everywhere, late: true, alone: true,
			begin: command("CLIENT", "PAUSE", "2500"), end: command("PING")}, // which is answered when it is over
		{name: "redis is emptied", at: cachetest.Everywhere, alone: true, forgets: true, begin: command("FLUSHALL")},
		{name: "redis is full", at: cachetest.Everywhere, alone: true,
			begin: command("CONFIG", "SET", "maxmemory", "1kb"), end: command("CONFIG", "SET", "maxmemory", "0")},
		{name: "subscriptions are cut", at: cachetest.Everywhere, late: true, gap: true, begin: command("CLIENT", "KILL", "TYPE", "pubsub")},
		{name: "connections are cut", at: cachetest.Everywhere, alone: true, begin: command("CLIENT", "KILL", "TYPE", "normal")},
		{name: "an instance is cut off in silence", at: behindProxy, late: true, alone: true, begin: s.proxy.Silence, end: s.proxy.Resume},
		{name: "the connections of an instance are cut", at: behindProxy, late: true, alone: true, gap: true, begin: s.proxy.Cut},
		{name: "the subscription of an instance falls silent", at: behindDeafener, late: true,
			begin: func() { s.deafener.withhold(true) }, end: func() { s.deafener.withhold(false) }},
		{name: "an instance is stopped", at: victim, late: true, alone: true, begin: p.Pause, end: p.Resume},
		{name: "an instance is killed", at: victim, refuses: true, alone: true, begin: p.Kill, end: p.restart},
		{name: "the origin fails", at: cachetest.Everywhere, refuses: true,
			begin: func() { s.origin.Answer("", cachetest.Plan{How: cachetest.Fail}) }, end: s.usualOrigin},
		{name: "the origin is slow", at: cachetest.Everywhere,
			begin: func() { s.origin.Answer("", cachetest.Plan{Delay: slowLoad}) }, end: s.usualOrigin},
	}
}

func (s *soak) usualOrigin() { s.origin.Answer("", cachetest.Plan{Delay: 10 * time.Millisecond}) }

// havoc lets one trouble come after the other, in an order and for times that
// the seed says, with quiet in between in which all must be well.
func (s *soak) havoc(end time.Time) {
	var order []int
	for {
		victim := s.random.IntN(len(s.members))
		kinds := s.troubles(victim)
		if len(order) == 0 {
			order = s.random.Perm(len(kinds))
		}
		w := window{trouble: kinds[order[0]]}
		order = order[1:]
		lasts := 500*time.Millisecond + time.Duration(s.random.Int64N(int64(longest-500*time.Millisecond)))
		if time.Now().Add(lasts + recovery + quiet).After(end) {
			return
		}
		w.from = time.Now()
		w.begin()
		if w.end != nil {
			time.Sleep(lasts)
			w.end()
		}
		w.to = time.Now()
		s.windows = append(s.windows, w)
		s.t.Logf("%7.3f to %7.3f s: %s (%d)", w.from.Sub(s.began).Seconds(), w.to.Sub(s.began).Seconds(), w.name, w.at)
		time.Sleep(recovery + quiet)
		if s.early == 0 && time.Since(s.began) > end.Sub(s.began)/4 {
			s.early = s.memory()
		}
	}
}
