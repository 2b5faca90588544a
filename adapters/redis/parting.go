package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// parting is what the end of a lease leaves behind.
type parting struct {
	name string
	text any // a string or bytes
	ttl  time.Duration
	// wonAt is when the lease was won, by the server's clock in Unix milliseconds, if
	// this may be left although it has expired.
	wonAt int64
	// removes says that the value is removed, and all instances are told.
	removes bool
	ending  ports.Ending
	// told says that waiters receive the text, which L2 stores from then on.
	told bool
	// version is that of the value, which is the floor from then on for so long; 0: none.
	version    uint64
	remembered time.Duration
}

func (c *Client) endLease(ctx context.Context, n names, key domain.Key, lease ports.Lease, left parting) error {
	if lease.Token == "" {
		return domain.ErrLeaseLost
	}
	form, _ := left.text.([]byte)
	message, nonce, changes := wakeUpFor(key, lease, left.ending), "", ""
	if left.told {
		message = storedWakeUp(key, lease)
	}
	if left.removes {
		nonce, changes = c.writes.begin(), c.changes()
	}
	cmd, err := c.run(ctx, endScript, trafficOf(form), []string{n.lock, n.waiters, left.name, n.grant, n.value, n.floor},
		lease.Token, message, left.text, left.ttl.Milliseconds(), left.wonAt,
		changes, invalidation(c.id, nonce, key), left.told, versionText(left.version), left.remembered.Milliseconds())
	if err == nil {
		err = inTime(cmd)
	}
	if err != nil {
		c.writes.end(nonce, false)
		return fmt.Errorf("redis end lease: %w", err)
	}
	ended, _ := cmd.Int()
	c.writes.end(nonce, ended == 1)
	switch ended {
	case 0:
		return domain.ErrLeaseLost
	case 3:
		return domain.ErrOutdated
	}
	return nil
}
