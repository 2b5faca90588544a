package lru

import (
	"sync"
	"sync/atomic"
	"time"
)

// DefaultTick is how coarse the clock of a cache may well be.
const DefaultTick = 5 * time.Millisecond

// clock tells the time since a moment that is long enough ago for the deadlines of
// stale entries not to be negative. It is monotonic. Reading the system's clock costs
// as much as the rest of a Get, so with a tick a goroutine reads it and all others
// read what it wrote.
type clock struct {
	start  time.Time
	tick   time.Duration
	coarse atomic.Int64
	stop   chan struct{}
	ended  sync.WaitGroup
}

// run starts a clock that stands at zero. If it has ticks, each is called at each.
func (c *clock) run(zero, tick time.Duration, each func()) {
	c.start, c.tick, c.stop = time.Now().Add(-zero), tick, make(chan struct{})
	if tick == 0 {
		return
	}
	c.coarse.Store(int64(time.Since(c.start)))
	c.ended.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-ticker.C:
				c.coarse.Store(int64(time.Since(c.start)))
				each()
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

// sweepInterval is how long an entry may be stale before it becomes the next to go,
// and how much longer than KeepStale it may be held, though Get does not return it.
const sweepInterval = 250 * time.Millisecond

// sweepDue sweeps the shards whose turn has come: one after the other, each once in
// sweepInterval. With a tick, the clock's goroutine calls it; without, each Set does.
func (c *Cache) sweepDue() {
	now, n := c.clock.now(), int64(len(c.shards))
	due := int64(now / (sweepInterval / time.Duration(n)))
	turn := c.swept.Load()
	if turn == due {
		return
	}
	c.swept.Store(due)
	for turn = max(turn, due-n); turn < due; turn++ {
		s := c.shards[turn%n]
		s.mu.Lock()
		s.sweep(now, c.keep)
		c.unlock(s)
	}
}

// sweep makes what is stale the next to go, and drops what has been so for keep.
func (l *list) sweep(now, keep time.Duration) {
	for i := range l.slots {
		s := &l.slots[i]
		switch deadline := s.meta.deadline(); {
		case s.entry == nil || deadline > now:
		case deadline <= now-keep:
			l.discard(uint32(i), forExpiry)
		case s.meta&staleBit == 0:
			s.meta |= staleBit
			l.demote(uint32(i))
		}
	}
}
