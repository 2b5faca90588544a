package redis

import (
	"context"
	"errors"
)

// Fault returns why the server is not used now, or nil while it is. It is cheap.
func (c *Client) Fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// Health returns "ok" or "degraded". It asks nobody.
func (c *Client) Health(context.Context) string {
	if c.Fault() != nil {
		return "degraded"
	}
	return "ok"
}

// Reason says why Health is "degraded", in words that any client may read, see
// reason. Otherwise it is empty.
func (c *Client) Reason() string { return reason(c.Fault()) }

// Breaker returns "closed" while calls are made, else "open".
func (c *Client) Breaker() string {
	if c.reachable() {
		return "closed"
	}
	return "open"
}

// report takes note of a change of a node. One line of log says that the server
// became unusable, and one that it is usable again, however many nodes it has.
func (c *Client) report() {
	c.mu.Lock()
	last := c.fault
	c.fault = c.nodes.fault()
	fault := c.fault
	c.noteUsedLocked(c.nodes.anyUsed())
	c.mu.Unlock()
	connecting := errors.Is(last, errConnecting)
	switch {
	case fault == nil && last != nil && !connecting:
		c.log.Info("redis is usable again")
	case fault != nil && !errors.Is(fault, errConnecting) && (last == nil || connecting):
		c.log.Warn("redis cannot be used, going on without it", "err", fault)
	}
	if !errors.Is(fault, errConnecting) { // after the line, so that it precedes what the program does then
		c.settle()
	}
}

func (c *Client) noteUsedLocked(used bool) {
	if used == c.isUsed.Swap(used) {
		return
	}
	if used {
		close(c.used)
	} else {
		c.used = make(chan struct{})
	}
}

// reachable reports whether any server is used, as of the last report.
func (c *Client) reachable() bool { return c.isUsed.Load() }
