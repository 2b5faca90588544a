package app

import (
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// cooldownNotes bounds the notes of a cooldown, and so their memory to some
	// 10 MB. A key without a note costs a load.
	cooldownNotes = 16 << 10
	sweepEvery    = time.Second
)

// cooldown remembers for a while what is not to be done again for which key.
type cooldown struct {
	mu    sync.Mutex
	notes map[domain.Key]note
	swept time.Time
}

type note struct {
	failure error // its kind alone
	since   time.Time
	until   time.Time
	known   time.Time // until when the note counts as a reason to wait for longer
}

func newCooldown() *cooldown { return &cooldown{notes: make(map[domain.Key]note)} }

// note remembers the kind of failure for key.
func (c *cooldown) note(key domain.Key, failure error, lasts time.Duration) {
	if lasts <= 0 {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keepLocked(key, note{failure: failure, since: now, until: now.Add(lasts), known: now.Add(lasts)})
}

// fails remembers that key failed, for the usual time or for that which the failure
// asks for, and for longer if it has failed before without a success since: the waits
// double. It returns for how long.
func (c *cooldown) fails(key domain.Key, failure error, usual time.Duration) time.Duration {
	lasts := domain.Cooldown(failure, usual)
	if lasts <= 0 {
		return 0
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	since := now
	if before, ok := c.notes[key]; ok && now.Before(before.known) {
		since = before.since
	}
	if usual > 0 {
		lasts = max(lasts, backoff(usual, now.Sub(since)))
	}
	c.keepLocked(key, note{failure: failure, since: since, until: now.Add(lasts), known: now.Add(2 * lasts)})
	return lasts
}

func (c *cooldown) keepLocked(key domain.Key, n note) {
	c.sweepLocked(time.Now())
	if _, known := c.notes[key]; known || len(c.notes) < cooldownNotes {
		n.failure = domain.RecallFailure(domain.FailureKind(n.failure))
		c.notes[key] = n
	}
}

// sweepLocked forgets notes that are over.
func (c *cooldown) sweepLocked(now time.Time) {
	if now.Sub(c.swept) < sweepEvery {
		return
	}
	c.swept = now
	for key, n := range c.notes {
		if !now.Before(n.known) {
			delete(c.notes, key)
		}
	}
}

// of returns for how long it is still remembered what failed for key, and that, or 0
// and nil.
func (c *cooldown) of(key domain.Key) (remaining time.Duration, failure error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.notes[key]
	if remaining = time.Until(n.until); remaining <= 0 {
		return 0, nil
	}
	return remaining, n.failure
}

// has reports whether there is a note for key.
func (c *cooldown) has(key domain.Key) bool {
	remaining, _ := c.of(key)
	return remaining > 0
}

func (c *cooldown) forget(key domain.Key) {
	c.mu.Lock()
	delete(c.notes, key)
	c.mu.Unlock()
}
