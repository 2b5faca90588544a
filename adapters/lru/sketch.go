package lru

import "math/bits"

// sketch estimates how often a hash was seen lately: a count-min sketch (Cormode and
// Muthukrishnan, Journal of Algorithms 2005) whose counters have four bits and are
// halved once in a while, as TinyLFU ages them. A hash has its four counters in one
// word, so that counting it fetches one cache line. It takes eight to sixteen bytes
// for each entry.
type sketch struct {
	words  []uint64 // four rows of four counters each; a power of two
	seen   int      // since half of it was forgotten
	period int
}

const (
	sketchRows    = 4
	sketchMax     = 15
	sketchHalved  = 0x7777777777777777
	agingCapacity = 20 // twice what TinyLFU has: what goes out of fashion is seen in pairs
)

func newSketch(capacity int) sketch {
	return sketch{
		words:  make([]uint64, 1<<bits.Len(uint(max(capacity, 8)-1))),
		period: agingCapacity * max(capacity, 1),
	}
}

// counters returns the word of hash, and where in it each row's counter is.
func (k *sketch) counters(hash uint32) (word *uint64, shifts [sketchRows]uint64) {
	h := uint64(hash) * 0x9e3779b97f4a7c15
	for row := range shifts {
		shifts[row] = uint64(16*row) + h>>(16+2*row)&3*4
	}
	return &k.words[h>>32&uint64(len(k.words)-1)], shifts
}

// add counts hash once. What changes no counter brings no aging nearer: a few very
// hot keys would make the sketch forget the rest too soon.
func (k *sketch) add(hash uint32) {
	word, shifts := k.counters(hash)
	before := *word
	for _, shift := range shifts {
		if *word>>shift&sketchMax < sketchMax {
			*word += 1 << shift
		}
	}
	if *word == before {
		return
	}
	if k.seen++; k.seen >= k.period {
		k.seen /= 2
		for i := range k.words {
			k.words[i] = k.words[i] >> 1 & sketchHalved
		}
	}
}

// count returns how often hash was seen, 15 at most. It may be too high where others
// share all four counters, and never too low but for the aging.
func (k *sketch) count(hash uint32) uint64 {
	word, shifts := k.counters(hash)
	least := uint64(sketchMax)
	for _, shift := range shifts {
		least = min(least, *word>>shift&sketchMax)
	}
	return least
}
