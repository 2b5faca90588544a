package redis

import (
	"sync"
	"time"
)

// serverClock tells what a server's clock will show at the least when a moment of
// this process's comes. No clocks of two machines are compared: it is learnt from
// replies, and only used to tell the same server until when a command is wanted.
type serverClock struct {
	mu       sync.Mutex
	learned  time.Time     // by the monotonic clock of this process
	at       int64         // the server's clock then or before, in Unix milliseconds
	accuracy time.Duration // how much before at the most
}

// forgetAfter is how long an accurate reading stands against a less accurate one.
const forgetAfter = 10 * time.Second

// set takes note of a reply that came now, to what was asked then.
func (c *serverClock) set(asked, now time.Time, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	accuracy := now.Sub(asked)
	set := time.UnixMilli(at).Sub(time.UnixMilli(c.at)) // backwards or forwards
	jumped := set-now.Sub(c.learned) > c.accuracy+accuracy || now.Sub(c.learned)-set > c.accuracy+accuracy
	if accuracy <= c.accuracy || jumped || now.Sub(c.learned) > forgetAfter {
		c.learned, c.at, c.accuracy = now, at, accuracy
	}
}

// deadline returns the server's time, in Unix milliseconds, after which d from now
// is over for certain.
func (c *serverClock) deadline(d time.Duration) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at + (time.Since(c.learned) + d).Milliseconds()
}
