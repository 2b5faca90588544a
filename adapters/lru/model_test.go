package lru

import (
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
)

// model is the cache as one would explain it: a slice, most recently used
// first, that is searched and rebuilt for each operation.
type model struct {
	opts  Options
	items []item
}

type item struct {
	key      domain.Key
	entry    *domain.Entry
	deadline time.Time
	size     int64
}

func (m *model) get(key domain.Key) (domain.Copy, bool) {
	i := slices.IndexFunc(m.items, func(it item) bool { return it.key == key })
	if i < 0 {
		return domain.Copy{}, false
	}
	it := m.items[i]
	left := time.Until(it.deadline)
	if left <= 0 && -left < m.opts.KeepStale {
		return domain.Copy{Entry: it.entry, Left: left}, true
	}
	m.items = slices.Delete(m.items, i, i+1)
	if left <= 0 {
		return domain.Copy{}, false
	}
	m.items = slices.Insert(m.items, 0, it)
	return domain.Copy{Entry: it.entry, Left: left}, true
}

func (m *model) set(key domain.Key, c domain.Copy) (evicted int) {
	m.items = slices.DeleteFunc(m.items, func(it item) bool { return it.key == key })
	it := item{key: key, entry: c.Entry, deadline: time.Now().Add(c.Left),
		size: int64(len(key.String())) + int64(c.Entry.Size()) + entryOverhead}
	if it.size > m.opts.MaxBytes || m.opts.MaxEntries == 0 || !c.Fresh() && !c.UsableStale(m.opts.KeepStale) {
		return 0
	}
	m.items = slices.Insert(m.items, 0, it)
	for len(m.items) > m.opts.MaxEntries || m.bytes() > m.opts.MaxBytes {
		m.items = m.items[:len(m.items)-1]
		evicted++
	}
	return evicted
}

func (m *model) bytes() (sum int64) {
	for _, it := range m.items {
		sum += it.size
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
	p := &pair{cache: c, model: model{opts: opts}}
	for i := range 10 {
		k, _ := domain.ParseKey(strings.Repeat("k", i+1))
		p.keys = append(p.keys, k)
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

// step does one operation to both, as intn (a random number below n) decides,
// and says how their answers differ.
func (p *pair) step(intn func(int) int) error {
	key := p.keys[intn(len(p.keys))]
	switch op := intn(20); {
	case op < 10:
		got, ok := p.cache.Get(key)
		want, wantOK := p.model.get(key)
		if got != want || ok != wantOK {
			return fmt.Errorf("get %v: %v %v, want %v %v", key, got, ok, want, wantOK)
		}
	case op < 19:
		c := domain.Copy{Entry: p.entries[intn(len(p.entries))], Left: time.Duration(intn(12)-3) * time.Second}
		if got, want := p.cache.Set(key, c), p.model.set(key, c); got != want {
			return fmt.Errorf("set %v for %v: evicted %d, want %d", key, c.Left, got, want)
		}
	default:
		time.Sleep(time.Duration(intn(4)) * time.Second / 2)
	}
	return p.compare()
}

// compare says how the states differ: the order in both directions, the index
// and the sums.
func (p *pair) compare() error {
	c, want := p.cache, p.model.items
	if c.Len() != len(want) || c.Bytes() != p.model.bytes() {
		return fmt.Errorf("len %d, bytes %d, want %d, %d", c.Len(), c.Bytes(), len(want), p.model.bytes())
	}
	n := c.order.root.next
	for i, it := range want {
		if n == &c.order.root || n.key != it.key || c.nodes[it.key] != n {
			return fmt.Errorf("place %d from the front does not hold %v", i, it.key)
		}
		n = n.next
	}
	if n != &c.order.root {
		return fmt.Errorf("the list goes on after its %d entries", len(want))
	}
	return checkLinks(c)
}

// checkLinks says what is wrong with the list in itself: each link must have
// its counterpart, and a round must meet each node of the index once.
func checkLinks(c *Cache) error {
	length := 0
	for n := c.order.root.next; n != &c.order.root; n = n.next {
		if n.prev.next != n || n.next.prev != n {
			return fmt.Errorf("the links around %v do not match", n.key)
		}
		if length++; length > len(c.nodes) || c.nodes[n.key] != n {
			return fmt.Errorf("the list holds %v, the index does not", n.key)
		}
	}
	for n := c.order.root.prev; n != &c.order.root; n = n.prev {
		length--
	}
	if length != 0 {
		return fmt.Errorf("backwards, the list is %d shorter", length)
	}
	return nil
}

func TestAMillionRandomOperationsAgreeWithTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const walks, steps = 2000, 500
		for seed := range uint64(walks) {
			random := rand.New(rand.NewPCG(seed, 0))
			p := newPair(options(random.IntN))
			for i := range steps {
				if err := p.step(random.IntN); err != nil {
					require.NoError(t, err, "seed %d, step %d, %+v", seed, i, p.cache.opts)
				}
			}
		}
	})
}

// The same walk once more, shorter, so that a failure is shrunk to the few
// operations that cause it.
func TestTheShortestDisagreementWithTheModelIsFound(t *testing.T) {
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
