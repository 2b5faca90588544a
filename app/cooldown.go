package app

import (
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// cooldown remembers for a while what went wrong with which key.
type cooldown struct {
	lasts time.Duration // unless the source asked for longer; 0: nothing is remembered

	mu    sync.Mutex
	notes map[domain.Key]note
	swept time.Time
}

type note struct {
	err   error
	until time.Time
}

func newCooldown(lasts time.Duration) *cooldown {
	return &cooldown{lasts: lasts, notes: make(map[domain.Key]note), swept: time.Now()}
}

// note remembers err for key, for longer if the source asked for that. Now and
// then it forgets what is over.
func (c *cooldown) note(key domain.Key, err error) {
	lasts := domain.Cooldown(err, c.lasts)
	if lasts == 0 {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.swept) >= max(c.lasts, time.Second) {
		c.swept = now
		for k, n := range c.notes {
			if !now.Before(n.until) {
				delete(c.notes, k)
			}
		}
	}
	c.notes[key] = note{err, now.Add(lasts)}
}

// of returns what is remembered of key, or nil.
func (c *cooldown) of(key domain.Key) error {
	_, err := c.left(key)
	return err
}

// left returns what of does, and before it for how long it will.
func (c *cooldown) left(key domain.Key) (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.notes[key]; ok {
		if left := time.Until(n.until); left > 0 {
			return left, n.err
		}
	}
	return 0, nil
}

func (c *cooldown) forget(key domain.Key) {
	c.mu.Lock()
	delete(c.notes, key)
	c.mu.Unlock()
}
