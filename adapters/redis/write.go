package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Put stores e, whichever instance has the lease.
func (s *Store) Put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	return s.write(ctx, key, writing{form: s.client.forms.of(e), ttl: storedTTL(e), version: e.Version(), remembered: storedTTL(e)})
}

// softAttempts is how often another write may come between looking at what expires and
// writing it. What changes that fast is removed: nobody needs it stale.
const softAttempts = 5

// Invalidate removes or expires what is stored, whichever instance has the lease.
func (s *Store) Invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) error {
	removes := writing{version: i.Version, remembered: i.Remembered}
	for attempt := 0; i.Soft && attempt < softAttempts; attempt++ {
		asked, r := time.Now(), s.reading(ctx, key)
		if err := s.client.do(ctx, namesOf(s.client.prefix, key).value, reads, r.life, r.value); err != nil {
			return fmt.Errorf("redis write: %w", err)
		}
		w := removes // unless something is there that can be stale
		if found, ok, _ := s.found(r, asked); ok && found.Entry.Keep() > 0 {
			w.form, w.ttl = []byte(r.value.Val()), -found.Entry.Keep()
		}
		if err := s.write(ctx, key, w); !errors.Is(err, errOther) {
			return err
		}
	}
	return s.write(ctx, key, removes)
}

func trafficOf(form []byte) traffic {
	if len(form) > bulky {
		return bulk
	}
	return leases
}

// trafficOfWrite is that of a Put or a Delete, which may wait for replicas.
func (c *Client) trafficOfWrite(form []byte) traffic {
	switch t := trafficOf(form); {
	case c.replicas == 0:
		return t
	case t == bulk:
		return bulkWrites
	default:
		return writes
	}
}

// writing is what a write does.
type writing struct {
	form       []byte        // what is stored from then on, or what is there when it expires
	ttl        time.Duration // 0: nothing is stored; below 0: what is there is stale for so long
	version    uint64
	remembered time.Duration
}

func (s *Store) write(ctx context.Context, key domain.Key, w writing) error {
	c := s.client
	n := namesOf(c.prefix, key)
	nonce := c.writes.begin()
	cmd, err := c.run(ctx, writeScript, c.trafficOfWrite(w.form), []string{n.value, n.lock, n.failure, n.waiters, n.grant, n.floor},
		key.String(), w.form, w.ttl.Milliseconds(), c.changes(), invalidation(c.id, nonce, key), versionText(w.version), w.remembered.Milliseconds())
	if err == nil {
		err = inTime(cmd)
	}
	if err != nil {
		c.writes.end(nonce, false)
		return fmt.Errorf("redis write: %w", err)
	}
	done, _ := cmd.Int()
	c.writes.end(nonce, done == 1)
	switch done {
	case 0:
		return domain.ErrOutdated
	case 2:
		return errOther
	}
	return nil
}

// versionText is how a version is compared: all are of one length. None is empty.
func versionText(version uint64) string {
	if version == 0 {
		return ""
	}
	return fmt.Sprintf("%020d", version)
}

// isLate reports whether a script says by a list that it came too late.
func isLate(reply []any) bool { return len(reply) == 1 && reply[0] == "late" }

// inTime returns an error if a script says that it came too late and did nothing.
func inTime(cmd *redis.Cmd) error {
	n, err := cmd.Int()
	if err == nil && n < 0 {
		return errNotSent
	}
	return err
}
