package lru

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const benchKeys = 1 << 14

func benchCache(b *testing.B, maxEntries int) (*Cache, []domain.Key, domain.Copy) {
	b.ReportAllocs()
	c := newCache(b, Options{MaxEntries: maxEntries, MaxBytes: 1 << 40, Tick: DefaultTick})
	keys, copy := make([]domain.Key, benchKeys), fresh("some value")
	for i := range keys {
		keys[i] = key("user/" + strconv.Itoa(i))
		c.Set(keys[i], copy, 0)
	}
	return c, keys, copy
}

func BenchmarkGetHit(b *testing.B) {
	c, keys, _ := benchCache(b, benchKeys)
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.Uint32(); pb.Next(); i++ {
			c.Get(keys[i%benchKeys])
		}
	})
}

func BenchmarkSetEvict(b *testing.B) {
	c, keys, copy := benchCache(b, benchKeys/2)
	for i := 0; b.Loop(); i++ {
		c.Set(keys[i%benchKeys], copy, 0)
	}
}

func BenchmarkMix90_10(b *testing.B) {
	c, keys, copy := benchCache(b, benchKeys/2)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := rand.Uint32()
			if k := keys[r%benchKeys]; r>>16%10 == 0 {
				c.Set(k, copy, 0)
			} else {
				c.Get(k)
			}
		}
	})
}
