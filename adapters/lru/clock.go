package lru

import (
	"sync"
	"sync/atomic"
	"time"
)

// unit is the precision of deadlines: 2^20 nanoseconds, about a millisecond.
const unitShift = 20

func units(d time.Duration) int64 { return int64(d) >> unitShift }

// DefaultTick is how coarse the clock of a cache may well be.
const DefaultTick = 5 * time.Millisecond

// clock tells the time since a moment long enough ago that deadlines of stale
// entries are not negative. It is monotonic. Reading the system's clock costs
// as much as the rest of a Get, so with a tick a goroutine reads it and all
// others read what it wrote.
type clock struct {
	start  time.Time
	tick   time.Duration
	coarse atomic.Int64
	stop   chan struct{}
	ended  sync.WaitGroup
}

// startClock starts a clock that stands at zero, and calls each about once a
// second if it ticks.
func (c *clock) run(zero, tick time.Duration, eachSecond func()) {
	c.start, c.tick, c.stop = time.Now().Add(-zero), tick, make(chan struct{})
	if tick == 0 {
		return
	}
	c.coarse.Store(int64(time.Since(c.start)))
	c.ended.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for swept := c.now(); ; {
			select {
			case <-c.stop:
				return
			case <-ticker.C:
				c.coarse.Store(int64(time.Since(c.start)))
			}
			if now := c.now(); now-swept >= time.Second {
				swept = now
				eachSecond()
			}
		}
	})
}

func (c *clock) now() time.Duration {
	if c.tick == 0 {
		return time.Since(c.start)
	}
	return time.Duration(c.coarse.Load())
}

// close ends the goroutine and waits for it. It may be called once.
func (c *clock) close() {
	close(c.stop)
	c.ended.Wait()
}
