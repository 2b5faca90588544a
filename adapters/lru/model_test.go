package lru

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// model is a small cache as one would explain it: slices, most recently used first,
// that are searched and rebuilt for each operation.
type model struct {
	opts       Options
	items      []item // the LRU
	stale      []item // those that a sweep has found stale, in no order
	swept      time.Duration
	epochs     map[string]ports.Epoch
	unverified map[string]bool

	evicted, expired int
}

type item struct {
	key      string
	entry    *domain.Entry
	bytes    int64
	deadline time.Duration
}

func (m *model) get(key domain.Key, now time.Duration) (domain.Copy, bool) {
	for _, it := range m.stale {
		if it.key == key.String() {
			return m.copy(it, now)
		}
	}
	i := slices.IndexFunc(m.items, func(it item) bool { return it.key == key.String() })
	if i < 0 {
		return domain.Copy{}, false
	}
	it := m.items[i]
	if it.deadline > now {
		m.items = slices.Insert(slices.Delete(m.items, i, i+1), 0, it)
	}
	return m.copy(it, now)
}

func (m *model) copy(it item, now time.Duration) (domain.Copy, bool) {
	remaining := it.deadline - now
	if remaining <= -m.opts.KeepStale {
		return domain.Copy{}, false
	}
	return domain.Copy{Entry: it.entry, Remaining: remaining, Unverified: m.unverified[it.key]}, true
}

// set does what the cache has done already. gone says whether the cache has dropped a
// key: among entries that a sweep has found stale, the choice is its own.
func (m *model) set(key domain.Key, c domain.Copy, since ports.Epoch, now time.Duration, gone func(item) bool) bool {
	m.sweep(now)
	if since != m.epochs[key.String()] {
		if m.unverified[key.String()] {
			m.remove(key)
		}
		return false
	}
	m.remove(key)
	bytes := int64(len(key.String())) + int64(c.Entry.Size()) + entryOverhead
	if bytes > m.opts.MaxBytes || m.opts.MaxEntries == 0 || c.Remaining <= -m.opts.KeepStale {
		return false
	}
	if m.full(bytes) {
		m.evictStale(bytes, gone)
	}
	for m.full(bytes) {
		m.evictLast(now)
	}
	deadline := (now + c.Remaining) >> unitShift << unitShift
	m.items = slices.Insert(m.items, 0, item{key.String(), c.Entry, bytes, deadline})
	delete(m.unverified, key.String())
	return true
}

func (m *model) full(bytes int64) bool {
	return len(m.items)+len(m.stale) >= m.opts.MaxEntries || m.bytes()+bytes > m.opts.MaxBytes
}

// evictStale drops those found stale that the cache has dropped, if there is an order
// in which each of them was needed: with one of them kept, there is not enough room.
func (m *model) evictStale(bytes int64, gone func(item) bool) {
	needed := false
	for _, kept := range m.stale {
		with := *m
		with.stale = slices.DeleteFunc(slices.Clone(m.stale), func(it item) bool { return it.key != kept.key && gone(it) })
		needed = needed || gone(kept) && with.full(bytes)
	}
	if needed {
		before := len(m.stale)
		m.stale = slices.DeleteFunc(m.stale, gone)
		m.expired += before - len(m.stale)
	}
}

func (m *model) evictLast(now time.Duration) {
	if len(m.stale) > 0 { // should have gone first
		m.stale = nil
		return
	}
	last := m.items[len(m.items)-1]
	m.items = m.items[:len(m.items)-1]
	if last.deadline <= now {
		m.expired++
	} else {
		m.evicted++
	}
}

// sweep is what a Set does in another interval than the one before.
func (m *model) sweep(now time.Duration) {
	if now/sweepInterval == m.swept/sweepInterval {
		return
	}
	m.swept = now
	m.items = slices.DeleteFunc(m.items, func(it item) bool {
		if it.deadline <= now {
			m.stale = append(m.stale, it)
		}
		return it.deadline <= now
	})
	m.stale = slices.DeleteFunc(m.stale, func(it item) bool {
		dropped := it.deadline+m.opts.KeepStale <= now
		if dropped {
			m.expired++
		}
		return dropped
	})
}

func (m *model) remove(key domain.Key) {
	is := func(it item) bool { return it.key == key.String() }
	m.items, m.stale = slices.DeleteFunc(m.items, is), slices.DeleteFunc(m.stale, is)
}

func (m *model) unverify() {
	for _, it := range slices.Concat(m.items, m.stale) {
		m.unverified[it.key] = true
	}
}

func (m *model) bytes() (sum int64) {
	for _, it := range slices.Concat(m.items, m.stale) {
		sum += it.bytes
	}
	return sum
}

// pair drives a cache and its model through the same operations.
type pair struct {
	cache   *Cache
	model   model
	keys    []domain.Key
	entries []*domain.Entry
}

func newPair(opts Options) *pair {
	c, err := New(opts)
	if err != nil {
		panic(err)
	}
	p := &pair{cache: c, model: model{opts: opts, epochs: map[string]ports.Epoch{}, unverified: map[string]bool{}}}
	for i := range 10 {
		p.keys = append(p.keys, key(strings.Repeat("k", i+1)))
	}
	for i := range 40 {
		body := strings.Repeat("v", i*i) // one in six is too large for options' small limit
		p.entries = append(p.entries, domain.NewEntry(domain.Value{Body: body}, time.Minute, 0))
	}
	return p
}

// options picks limits: 0, tight and ample.
func options(intn func(int) int) Options {
	return Options{
		MaxEntries: []int{0, 1, 2, 3, 5, 8, 5, 8}[intn(8)],
		MaxBytes:   []int64{0, 1100, 3000, 3000, 5000, 5000, 1 << 20, 1 << 20}[intn(8)],
		KeepStale:  []time.Duration{0, time.Nanosecond, 3 * time.Second, time.Hour}[intn(4)],
	}
}

var pauses = []time.Duration{time.Millisecond, 20 * time.Millisecond, time.Second, 2 * time.Minute, 3 * time.Hour}

// step does one operation to both, as intn (a random number below n) decides,
// and says how their answers differ.
func (p *pair) step(intn func(int) int) error {
	key, now := p.keys[intn(len(p.keys))], p.cache.clock.now()
	switch op := intn(40); {
	case op < 18:
		got, ok := p.cache.Get(key)
		want, wantOK := p.model.get(key, now)
		if got != want || ok != wantOK {
			return fmt.Errorf("get %v: %v %v, want %v %v", key, got, ok, want, wantOK)
		}
	case op < 36:
		c := domain.Copy{Entry: p.entries[intn(len(p.entries))], Remaining: time.Duration(intn(12)-3) * pauses[intn(len(pauses))]}
		since := p.cache.Epoch(key) - ports.Epoch(intn(20)/19)
		if got, want := p.cache.Set(key, c, since), p.model.set(key, c, since, now, p.gone); got != want {
			return fmt.Errorf("set %v for %v: %v, want %v", key, c.Remaining, got, want)
		}
	case op < 38:
		if intn(3) == 0 {
			p.cache.Unverify()
			p.model.unverify()
		} else {
			p.cache.Delete(key)
			p.model.remove(key)
		}
		if p.cache.Epoch(key) == p.model.epochs[key.String()] {
			return fmt.Errorf("the epoch of %v did not end", key)
		}
		for _, k := range p.keys { // some may share one
			p.model.epochs[k.String()] = p.cache.Epoch(k)
		}
	default:
		time.Sleep(time.Duration(intn(4)) * pauses[intn(len(pauses))] / 2)
	}
	return p.compare()
}

func (p *pair) gone(it item) bool { return p.slot(it).entry == nil }

// slot returns the slot that has the key of it.
func (p *pair) slot(it item) slot {
	s, h := p.cache.locate(key(it.key))
	return s.slots[s.find(uint32(h), it.key)]
}

// compare says how the states differ: what is held, in which order, the sums.
func (p *pair) compare() error {
	m := &p.model
	want := ports.L1Stats{
		Entries: len(m.items) + len(m.stale), Bytes: m.bytes(),
		EvictedForEntries: uint64(m.evicted), EvictedExpired: uint64(m.expired),
	}
	got := p.cache.Stats()
	got.EvictedForEntries, got.EvictedForBytes = got.EvictedForEntries+got.EvictedForBytes, 0
	if got != want {
		return fmt.Errorf("stats are %+v, want %+v", got, want)
	}
	wantNames := ""
	for _, it := range m.items {
		wantNames += it.key + " "
	}
	if names := held(p.cache); names != wantNames {
		return fmt.Errorf("the list is %q, want %q", names, wantNames)
	}
	for _, it := range m.stale {
		if p.slot(it).meta&staleBit == 0 {
			return fmt.Errorf("%q is not among the stale ones", it.key)
		}
	}
	return check(p.cache)
}

func TestAMillionRandomOperationsAgreeWithTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		walks, steps := uint64(2000), 500
		if raceDetector {
			walks = 200 // which has nothing to find in one goroutine
		}
		for seed := range walks {
			random := rand.New(rand.NewPCG(seed, 0))
			p := newPair(options(random.IntN))
			for i := range steps {
				if err := p.step(random.IntN); err != nil {
					require.NoError(t, err, "seed %d, step %d, %+v", seed, i, p.model.opts)
				}
			}
		}
	})
}

// The same walk once more, shorter, so that a failure is shrunk to the few
// operations that cause it.
func TestTheShortestDisagreementWithTheModelIsFound(t *testing.T) {
	if rapid := flag.Lookup("rapid.seed"); rapid.Value.String() == rapid.DefValue { // which is another one each time
		require.NoError(t, rapid.Value.Set("1"))
	}
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			intn := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
			p := newPair(options(intn))
			for range rapid.IntRange(1, 50).Draw(rt, "steps") {
				if err := p.step(intn); err != nil {
					rt.Fatal(err)
				}
			}
		})
	})
}
