package lru

import "math/bits"

// sketch estimates how often a hash was seen lately: a count-min sketch of
// four rows (Cormode and Muthukrishnan, Journal of Algorithms 2005) whose
// counters have four bits and are halved once it has seen ten times its
// capacity, as TinyLFU ages them (Einziger, Friedman, Manes, ACM Transactions
// on Storage 2017). It takes eight to sixteen bytes for each entry.
type sketch struct {
	words  []uint64 // sixteen counters each, a power of two
	seen   int
	period int
}

const (
	sketchRows    = 4
	sketchMax     = 15
	sketchHalved  = 0x7777777777777777
	agingCapacity = 10
)

func newSketch(capacity int) *sketch {
	return &sketch{
		words:  make([]uint64, 1<<bits.Len(uint(max(capacity, 8)-1))),
		period: agingCapacity * capacity,
	}
}

// counter returns the word of a row and where in it the counter of hash is.
// The rows have four counters of each word to themselves.
func (k *sketch) counter(hash uint32, row uint64) (word *uint64, shift uint64) {
	h := (uint64(hash) + row<<32) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	return &k.words[h&uint64(len(k.words)-1)], 16*row + h>>62<<2
}

// add counts hash once. What changes no counter brings no aging nearer: a few
// very hot keys would make it forget the rest too soon.
func (k *sketch) add(hash uint32) {
	grew := 0
	for row := range uint64(sketchRows) {
		if word, shift := k.counter(hash, row); *word>>shift&sketchMax < sketchMax {
			*word += 1 << shift
			grew = 1
		}
	}
	if k.seen += grew; k.seen >= k.period {
		k.seen /= 2
		for i := range k.words {
			k.words[i] = k.words[i] >> 1 & sketchHalved
		}
	}
}

// count returns how often hash was seen, 15 at most. It may be too high where
// others share all four counters, and never too low but for the aging.
func (k *sketch) count(hash uint32) uint64 {
	least := uint64(sketchMax)
	for row := range uint64(sketchRows) {
		word, shift := k.counter(hash, row)
		least = min(least, *word>>shift&sketchMax)
	}
	return least
}
