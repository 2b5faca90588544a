package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

// demand says what is asked for.
type demand struct {
	rate     int // requests a second
	keys     int
	exponent float64
	ttl      time.Duration
	seed     uint64
}

// How long a run takes, in lives of an entry. In the first, caches fill.
const (
	warmup   = 1
	measured = 2
)

func (d demand) requests() float64 {
	return float64(d.rate) * d.ttl.Seconds() * (warmup + measured)
}

// traffic is what was asked for, by whom and when. It is only read, so that all
// fleets get the same.
type traffic struct {
	demand
	key   []uint32
	at    []float64 // in seconds
	whose []uint32  // its remainder by the number of instances is the one that is asked
	begun []due     // what L2 holds at the beginning, in the order of the deadlines
}

func (d demand) traffic() *traffic {
	n := int(d.requests())
	t := &traffic{demand: d, key: make([]uint32, n), at: make([]float64, n), whose: make([]uint32, n)}
	random := rand.New(rand.NewPCG(d.seed, 1))
	now := 0.0
	for i, id := range trace.Zipf(d.seed, d.exponent, d.keys, n) {
		now += random.ExpFloat64() / float64(d.rate)
		t.key[i], t.at[i], t.whose[i] = uint32(id), now, random.Uint32()
	}
	t.begin(random)
	return t
}

// begin draws what L2 holds at the beginning as it would after a long time, each
// key by itself: a key with a requests in a life is there for one life in every
// 1 + 1/a. Beginning with nothing, the keys that are asked for most would be
// loaded, and run out, all at once.
func (t *traffic) begin(random *rand.Rand) {
	ttl := t.ttl.Seconds()
	shares := shares(t.keys, t.exponent)
	for key, share := range shares {
		asked := share * float64(t.rate) * ttl
		if held, left := random.Float64(), random.Float64(); held*(1+asked) < asked {
			t.begun = append(t.begun, due{uint32(key), left * ttl})
		}
	}
	slices.SortFunc(t.begun, func(a, b due) int { return cmp.Compare(a.deadline, b.deadline) })
}

// shares returns which share of the requests is for each key, by Zipf's law.
func shares(keys int, exponent float64) []float64 {
	all, sum := make([]float64, keys), 0.0
	for i := range all {
		all[i] = math.Pow(float64(i+1), -exponent)
		sum += all[i]
	}
	for i := range all {
		all[i] /= sum
	}
	return all
}
