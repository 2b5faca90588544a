package lru

// duel finds out which window suits the traffic, by miniature simulation
// (Waldspurger, Saemundsson, Ahmad, Park, USENIX ATC 2017): for each choice it
// runs a cache of keys alone, so much smaller than the shard as the share of
// keys that it is shown, and follows the one with the most hits lately. One of
// the choices is the plain LRU; so where frequency tells nothing, little is
// lost to it.
//
// It is guarded by the shard's mutex.
type duel struct {
	mask  uint32 // of the keys whose hash has these bits unset, all requests are shown
	shift uint
	minis []*mini
	best  int

	requests, period int
}

const (
	miniCapacity = 512
	// What was long ago counts less by this factor in each period, which is as
	// many requests as a miniature has entries.
	duelDecay = 0.75
	// A challenger has to be better by this share of a period's requests.
	duelMargin = 0.01
)

// windows are the choices, as shares of the capacity.
var windows = [...]float64{0.01, 0.2, 1}

type mini struct {
	shard  shard
	budget budget
	uses   uses
	hits   int
	score  float64 // hits, those long ago discounted
}

func newDuel(capacity int) *duel {
	d := &duel{best: len(windows) - 1} // until there is a reason for another
	for capacity>>d.shift > 2*miniCapacity {
		d.shift++
	}
	d.mask = 1<<d.shift - 1
	d.period = max(1, capacity>>d.shift)
	for _, share := range windows {
		m := &mini{}
		m.budget.entries.Store(int64(d.period))
		m.budget.bytes.Store(int64(d.period))
		m.shard.init(&m.budget, &m.uses, 0, true)
		m.shard.policy = newTinyLFU(d.period, share)
		d.minis = append(d.minis, m)
	}
	return d
}

// request shows a request to the miniatures if it is in the sample, and returns
// the window to have.
func (d *duel) request(hash uint32, key string) (window float64) {
	if hash&d.mask == 0 {
		for _, m := range d.minis {
			m.request(hash>>d.shift, key)
		}
		if d.requests++; d.requests == d.period {
			d.requests = 0
			d.judge()
		}
	}
	return windows[d.best]
}

// judge ends a period.
func (d *duel) judge() {
	best := d.best
	for i, m := range d.minis {
		m.score = m.score*duelDecay + float64(m.hits)
		m.hits = 0
		if m.score > d.minis[best].score {
			best = i
		}
	}
	if d.minis[best].score > d.minis[d.best].score+duelMargin*float64(d.period) {
		d.best = best
	}
}

// request does to the miniature what a read-through does to a cache.
func (m *mini) request(hash uint32, key string) {
	s := &m.shard
	if s.heads == nil {
		s.open()
	}
	if i := s.locate(hash, key); i != 0 {
		m.hits++
		s.usedLocked(i)
		return
	}
	for {
		if paid, short := s.purse.pay(1); paid {
			break
		} else if !s.evictLocked(short) {
			return
		}
	}
	s.addLocked(&item{key: key, hash: hash, weight: 1, deadline: maxTime})
	s.tidyLocked()
}
