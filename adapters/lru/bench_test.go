package lru

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	benchCapacity = 100_000
	benchKeys     = 1_000_000
	benchRequests = 1 << 20
)

// benchCache returns a full cache of 100,000 entries and Zipf-distributed
// requests for a million keys of 16 bytes.
func benchCache(b *testing.B, admission Admission) (*Cache, []domain.Key, domain.Copy) {
	c := newCache(b, Options{MaxEntries: benchCapacity, MaxBytes: 1 << 40, Tick: DefaultTick, Admission: admission})
	copy := fresh("a value of thirty-two bytes, ok.")
	names := make([]domain.Key, benchKeys)
	for i := range names {
		names[i] = key(fmt.Sprintf("key-%012d", i))
	}
	requests := make([]domain.Key, benchRequests)
	for i, id := range trace.Zipf(1, 1.01, benchKeys, benchRequests) {
		requests[i] = names[id%benchKeys]
		c.Set(requests[i], copy, 0)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return c, requests, copy
}

// places are where the goroutines of a benchmark begin, each at another.
type places struct{ given atomic.Uint32 }

func (p *places) next(n int) int { return int(p.given.Add(1)*0x9e3779b9>>1) % n }

func BenchmarkGetHit(b *testing.B) {
	c, requests, _ := benchCache(b, PlainLRU)
	held := requests[:0:0]
	for _, k := range requests {
		if _, ok := c.Get(k); ok {
			held = append(held, k)
		}
	}
	b.ResetTimer()
	var places places
	b.RunParallel(func(pb *testing.PB) {
		for i := places.next(len(held)); pb.Next(); i++ {
			if i == len(held) {
				i = 0
			}
			c.Get(held[i])
		}
	})
}

func BenchmarkMix90_10(b *testing.B) {
	c, requests, copy := benchCache(b, PlainLRU)
	var places places
	b.RunParallel(func(pb *testing.PB) {
		for i := places.next(benchRequests); pb.Next(); i++ {
			if k := requests[i%benchRequests]; i%10 == 0 {
				c.Set(k, copy, 0)
			} else {
				c.Get(k)
			}
		}
	})
}

func BenchmarkSetEvict(b *testing.B) {
	c, _, copy := benchCache(b, PlainLRU)
	keys := make([]domain.Key, 4*benchCapacity)
	for i := range keys {
		keys[i] = key(fmt.Sprintf("new-%012d", i))
	}
	b.ResetTimer()
	var places places
	b.RunParallel(func(pb *testing.PB) {
		for i := places.next(len(keys)); pb.Next(); i++ {
			c.Set(keys[i%len(keys)], copy, 0)
		}
	})
}

func BenchmarkReadThrough(b *testing.B) {
	for name, admission := range map[string]Admission{"none": PlainLRU, "tinylfu": TinyLFU} {
		b.Run(name, func(b *testing.B) {
			c, requests, copy := benchCache(b, admission)
			hits := 0
			for i := 0; b.Loop(); i++ {
				k := requests[i%benchRequests]
				if _, ok := c.Get(k); ok {
					hits++
				} else {
					c.Set(k, copy, 0)
				}
			}
			b.ReportMetric(100*float64(hits)/float64(b.N), "%hits")
		})
	}
}
