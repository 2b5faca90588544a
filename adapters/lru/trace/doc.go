// Package trace is what it takes to judge a cache by its hit ratio: sequences
// of requests, and the two numbers that any cache is measured against, the hits
// of an exact LRU and the most hits that are possible.
//
// A trace is a []uint64: the ids of the keys in the order of their requests.
// Every request weighs the same, a key that misses is then held, and nothing
// expires. The generators are functions of their arguments alone: equal
// arguments, seeds included, give equal traces. They want a key at least, and
// panic if there is none; the same goes for the distances in requests.
//
// The package knows no cache. In particular it does not use package lru, so
// that the two can be tested against each other.
package trace

// Replay asks for the keys of a trace in their order and returns how many of
// the requests were hits. request answers whether the cache held the key and,
// if not, gives it to the cache to hold.
func Replay(trace []uint64, request func(id uint64) (hit bool)) (hits int) {
	for _, id := range trace {
		if request(id) {
			hits++
		}
	}
	return hits
}
