package lru

import "math/bits"

// wheel finds the entries whose life is over, and later those whose time as
// stale is over too, without looking at the others: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987). Its levels have
// buckets of 17 ms, 1.1 s, 69 s and 73 minutes. An entry lies in the finest
// level whose circle reaches to its end, and moves to finer ones as time
// comes nearer. It is linked through wheelPrev and wheelNext; where a slot is
// the first of its bucket, wheelPrev names the bucket instead.
type wheel struct {
	slab      *slab
	keepStale int64 // in units of the clock
	now       int64 // up to when entries have been taken out, in units of the clock
	buckets   [wheelLevels * wheelBuckets]uint32
}

const (
	wheelLevels  = 4
	wheelBits    = 6
	wheelBuckets = 1 << wheelBits
	wheelShift   = 4 // a bucket of the finest level spans 16 units

	isBucket = 1 << 31 // set in wheelPrev
)

func levelShift(level int) int { return wheelShift + wheelBits*level }

// end returns when slot i is to be handed out: at the end of its life or, if it
// is kept as stale, at the end of that.
func (w *wheel) end(i uint32) int64 {
	deadline := w.slab.life(i).deadline()
	if w.slab.node(i).weight.list() == expiredList {
		deadline += w.keepStale
	}
	return deadline
}

// add links slot i, which must be in a list. What is over already is found by
// the next advance that reaches a new bucket.
func (w *wheel) add(i uint32) {
	level, end := 0, w.end(i)
	if ahead := max(0, end-w.now); ahead >= 1<<levelShift(1) {
		level = min((bits.Len64(uint64(ahead))-1-wheelShift)/wheelBits, wheelLevels-1)
	}
	// Beyond the last level's circle, the bucket that comes round last.
	at := min(max(end, w.now), w.now+1<<levelShift(wheelLevels)-1<<levelShift(wheelLevels-1))
	b := uint32(level*wheelBuckets) + uint32(at>>levelShift(level))%wheelBuckets
	n, first := w.slab.node(i), w.buckets[b]
	n.wheelPrev, n.wheelNext = isBucket|b, first
	if first != 0 {
		w.slab.node(first).wheelPrev = i
	}
	w.buckets[b] = i
}

// remove unlinks slot i.
func (w *wheel) remove(i uint32) {
	n := w.slab.node(i)
	if n.wheelPrev&isBucket != 0 {
		w.buckets[n.wheelPrev&^isBucket] = n.wheelNext
	} else {
		w.slab.node(n.wheelPrev).wheelNext = n.wheelNext
	}
	if n.wheelNext != 0 {
		w.slab.node(n.wheelNext).wheelPrev = n.wheelPrev
	}
}

// due reports whether advance would have anything to do.
func (w *wheel) due(now int64) bool { return now>>wheelShift > w.now>>wheelShift }

// advance unlinks the slots whose end has come at now and hands each to over,
// which may add it again with another end.
func (w *wheel) advance(now int64, over func(i uint32)) {
	before := w.now
	w.now = now
	for level := range wheelLevels {
		from, to := before>>levelShift(level), now>>levelShift(level)
		if from == to {
			return
		}
		for at := max(from, to-wheelBuckets+1); at <= to; at++ {
			w.empty(uint32(level*wheelBuckets)+uint32(at)%wheelBuckets, over)
		}
	}
}

// empty sorts the slots of bucket b anew: over, or to where they belong now.
func (w *wheel) empty(b uint32, over func(i uint32)) {
	i := w.buckets[b]
	w.buckets[b] = 0
	for i != 0 {
		next := w.slab.node(i).wheelNext
		if w.end(i) > w.now {
			w.add(i)
		} else {
			over(i)
		}
		i = next
	}
}
