package lru

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// One slot is all there is, and goes from key to key while it is read.
func TestAReaderNeverSeesTheEntryOfAnotherKey(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 1, MaxBytes: 1 << 20})
	a, b := fresh("a"), fresh("b")
	var readers sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				if got, ok := c.Get(key("a")); ok && got.Entry != a.Entry {
					assert.Fail(t, "a has the entry of b")
					return
				}
			}
		})
	}
	rounds := 1_000_000
	if raceDetector {
		rounds = 20_000
	}
	for range rounds {
		c.Set(key("a"), a, 0)
		c.Set(key("b"), b, 0)
	}
	done.Store(true)
	readers.Wait()
}
