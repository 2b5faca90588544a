package lru

import "math/bits"

// sketch estimates how often a hash was seen lately: a count-min sketch (Cormode and
// Muthukrishnan, Journal of Algorithms 2005) whose counters have four bits and are
// halved once it has counted ten times its capacity, as TinyLFU ages them (Einziger,
// Friedman, Manes, ACM Transactions on Storage 2017). A hash has four counters in one
// word, so that counting fetches one cache line. It takes eight to sixteen bytes for
// each entry.
type sketch struct {
	words   []uint64 // sixteen counters each, a power of two
	counted int
	period  int
}

const (
	sketchRows    = 4
	sketchMax     = 15
	sketchHalves  = 0x7777777777777777
	agingPerEntry = 10
)

func newSketch(capacity int) sketch {
	return sketch{
		words:  make([]uint64, 1<<bits.Len(uint(max(capacity, 8)-1))),
		period: agingPerEntry * capacity,
	}
}

// place returns the word of hash, and a number that has the place of a counter in
// each four of its bits.
func (k *sketch) place(hash uint32) (word *uint64, at uint64) {
	h := uint64(hash) * 0x9e3779b97f4a7c15
	return &k.words[h>>32&uint64(len(k.words)-1)], h >> 16
}

// add counts hash once. What changes no counter brings no aging nearer: a few very
// hot keys would make the sketch forget the rest too soon.
func (k *sketch) add(hash uint32) {
	word, at := k.place(hash)
	before := *word
	for row := range uint64(sketchRows) {
		if shift := 16*row + at>>(2*row)&3<<2; *word>>shift&sketchMax < sketchMax {
			*word += 1 << shift
		}
	}
	if *word == before {
		return
	}
	if k.counted++; k.counted >= k.period {
		k.counted /= 2
		for i := range k.words {
			k.words[i] = k.words[i] >> 1 & sketchHalves
		}
	}
}

// count returns how often hash was seen, 15 at most. It may be too high where others
// share all four counters, and never too low but for the aging.
func (k *sketch) count(hash uint32) uint64 {
	least := uint64(sketchMax)
	word, at := k.place(hash)
	for row := range uint64(sketchRows) {
		shift := 16*row + at>>(2*row)&3<<2
		least = min(least, *word>>shift&sketchMax)
	}
	return least
}
