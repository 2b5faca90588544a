// Package hot finds the keys that are requested most often, in bounded memory and at
// next to no cost for the requests. It knows nothing of caches.
package hot

import (
	"cmp"
	"slices"
)

// Sketch counts the keys of a stream that occur most often: Space-Saving (Metwally,
// Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data
// Streams, ICDT 2005). A key that has no counter takes over the lowest one, with its
// count: so no count is too low, and a key that makes up more than 1/capacity of the
// stream has a counter. It is not safe for concurrent use.
type Sketch[K comparable] struct {
	capacity int
	clone    func(K) K
	counters map[K]*counter[K]
	lowest   []*counter[K] // a heap
}

// counter is what a Sketch knows of one key.
type counter[K comparable] struct {
	key   K
	count float64
	over  float64 // by how much count may be too high
	index int
}

// NewSketch returns a Sketch of that many keys. It keeps what clone makes of them.
func NewSketch[K comparable](capacity int, clone func(K) K) *Sketch[K] {
	return &Sketch[K]{capacity: capacity, clone: clone, counters: make(map[K]*counter[K])}
}

// Add counts weight occurrences of key.
func (s *Sketch[K]) Add(key K, weight float64) {
	c := s.counters[key]
	if c == nil {
		c = s.take(s.clone(key))
	}
	c.count += weight
	s.sink(c.index)
}

// take returns a counter for a key that has none.
func (s *Sketch[K]) take(key K) *counter[K] {
	var c *counter[K]
	if len(s.lowest) < s.capacity {
		c = &counter[K]{index: len(s.lowest)}
		s.lowest = append(s.lowest, c)
		for s.rise(c.index) {
		}
	} else {
		c = s.lowest[0]
		delete(s.counters, c.key)
		c.over = c.count
	}
	c.key = key
	s.counters[key] = c
	return c
}

// Scale multiplies all counts by factor, which is positive.
func (s *Sketch[K]) Scale(factor float64) {
	for _, c := range s.lowest {
		c.count *= factor
		c.over *= factor
	}
}

// Count is an estimate: between Count-Over and Count.
type Count[K comparable] struct {
	Key         K
	Count, Over float64
}

// Top returns up to n keys, those with the highest counts first.
func (s *Sketch[K]) Top(n int) []Count[K] {
	all := make([]Count[K], len(s.lowest))
	for i, c := range s.lowest {
		all[i] = Count[K]{c.key, c.count, c.over}
	}
	slices.SortFunc(all, func(a, b Count[K]) int { return cmp.Compare(b.Count, a.Count) })
	return all[:min(n, len(all))]
}

// rise swaps the counter at i with its parent if that is higher, and reports whether it
// did.
func (s *Sketch[K]) rise(i int) bool {
	parent := (i - 1) / 2
	if i == 0 || s.lowest[parent].count <= s.lowest[i].count {
		return false
	}
	s.swap(i, parent)
	return true
}

// sink swaps the counter at i with the lower child until none is lower.
func (s *Sketch[K]) sink(i int) {
	for child := 2*i + 1; child < len(s.lowest); child = 2*i + 1 {
		if right := child + 1; right < len(s.lowest) && s.lowest[right].count < s.lowest[child].count {
			child = right
		}
		if !s.rise(child) {
			return
		}
		i = child
	}
}

func (s *Sketch[K]) swap(i, j int) {
	s.lowest[i], s.lowest[j] = s.lowest[j], s.lowest[i]
	s.lowest[i].index, s.lowest[j].index = i, j
}
