package app

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Judge returns a function that judges a copy with these tags, after so many purges of
// other tags since it was loaded.
func Judge(names []string, purges int) func() domain.Copy {
	p := newPurges(nil, nil, 0)
	r := p.of("")
	learned := domain.Purges{Mark: domain.Mark{Generation: 1, Number: 1}}
	p.learn(learned, 0)
	tags, _ := domain.ParseTags(names)
	e := r.marked(domain.NewEntry(domain.Value{Body: "v", Tags: tags}, time.Minute, 0), p.mark())
	for i := range purges {
		learned.Number++
		learned.Tags = []domain.TagPurge{{Tag: fmt.Sprint("other-", i), Number: learned.Number}}
		p.receive(learned)
	}
	c := domain.Copy{Entry: e, Remaining: time.Minute}
	return func() domain.Copy { return r.judge(c) }
}

// Counting returns what requests do to find the hot keys, and the same without that: the
// draw, which refreshes need anyway.
//
//go:noinline
func (s *Service) Counting(key domain.Key) (count, draw func(n int)) {
	count = func(n int) {
		random := rand.New(rand.NewPCG(1, 2))
		for range n {
			s.hot.Saw(key, bitsOf(random.Float64()))
		}
	}
	return count, func(n int) {
		random := rand.New(rand.NewPCG(1, 2))
		sum := 0.0
		for range n {
			sum += random.Float64()
		}
		drawn.Store(math.Float64bits(sum))
	}
}

var drawn atomic.Uint64 // so that the compiler keeps the draws
