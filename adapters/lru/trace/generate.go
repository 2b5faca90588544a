package trace

import (
	"math"
	"math/rand/v2"
	"sort"
)

// scanned is the bit that the keys of scans have, and no others.
const scanned = 1 << 63

// Zipf returns n independent requests for the given number of keys, of which
// key i is asked for in proportion to 1/(i+1)^s: key 0 most often. At s = 0 all
// keys are alike; s is 0.6 to 1 for most web traffic, where rand.Zipf, which
// wants s > 1, does not reach.
func Zipf(seed uint64, s float64, keys, n int) []uint64 {
	sums, total := make([]float64, keys), 0.0
	for i := range sums {
		total += math.Pow(float64(i+1), -s)
		sums[i] = total
	}
	random, trace := rand.New(rand.NewPCG(seed, 0)), make([]uint64, n)
	for i := range trace {
		trace[i] = uint64(min(sort.SearchFloat64s(sums, random.Float64()*total), keys-1))
	}
	return trace
}

// Loop returns n requests for the keys 0, 1, 2, … in turn, over and over. An
// LRU with less room than keys never hits: each key goes right before its use.
func Loop(keys, n int) []uint64 {
	trace := make([]uint64, n)
	for i := range trace {
		trace[i] = uint64(i % keys)
	}
	return trace
}

// WithScans returns hot with a scan after every so many of its requests: length
// requests for keys that were never asked for and never will be again. That is
// a backup or a crawler passing by, which an LRU lets flush the cache. The keys
// of hot must be below 2^63, as those of all generators are.
func WithScans(hot []uint64, every, length int) []uint64 {
	trace := make([]uint64, 0, len(hot)+len(hot)/every*length)
	next := uint64(scanned)
	for i, id := range hot {
		trace = append(trace, id)
		if (i+1)%every != 0 {
			continue
		}
		for range length {
			trace = append(trace, next)
			next++
		}
	}
	return trace
}

// WithShifts returns hot with its keys renamed so that what is popular moves:
// after every so many requests, what would be asked of key i goes to key i+by.
// Over a Zipf trace the by most popular keys are then never asked for again, and
// every other key becomes as popular as the one by places before it was. That is
// hard on a cache that counts uses, easy on one that looks at the last use only.
func WithShifts(hot []uint64, every, by int) []uint64 {
	trace := make([]uint64, len(hot))
	for i, id := range hot {
		trace[i] = id + uint64(i/every)*uint64(by)
	}
	return trace
}
