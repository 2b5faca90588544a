package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.L2Store = (*Store)(nil)

// Store keeps entries on the server. It is safe for concurrent use.
type Store struct{ client *Client }

// NewStore returns a Store on c, which stays the caller's to close.
func NewStore(c *Client) *Store { return &Store{client: c} }

// Get reads the entry of key and the TTL it has left in one round trip.
func (s *Store) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	asked := time.Now()
	r := s.reading(ctx, key)
	if err := s.client.do(ctx, namesOf(s.client.prefix, key).value, reads, r.life, r.value); err != nil {
		return domain.Copy{}, false, fmt.Errorf("redis get: %w", err) // r may not be looked at
	}
	return s.found(r, asked)
}

// readsAtOnce is how many keys are read in one exchange at the most.
const readsAtOnce = 100

// GetMany reads up to a hundred keys in one round trip, from each server that has
// some of them at the same time.
func (s *Store) GetMany(ctx context.Context, keys []domain.Key) []ports.Found {
	found := make([]ports.Found, len(keys))
	var reads sync.WaitGroup
	for n, places := range s.byNode(ctx, keys, found) {
		reads.Go(func() {
			for some := range slices.Chunk(places, readsAtOnce) {
				s.getSome(ctx, n, keys, some, found)
			}
		})
	}
	reads.Wait()
	return found
}

// byNode returns the places of the keys that each server has.
func (s *Store) byNode(ctx context.Context, keys []domain.Key, found []ports.Found) map[*node][]int {
	places := make(map[*node][]int)
	for i, key := range keys {
		n, err := s.client.nodes.of(ctx, namesOf(s.client.prefix, key).value)
		if err != nil {
			found[i].Err = fmt.Errorf("redis get: %w", err)
			continue
		}
		places[n] = append(places[n], i)
	}
	return places
}

func (s *Store) getSome(ctx context.Context, n *node, keys []domain.Key, places []int, found []ports.Found) {
	readings := make([]reading, len(places))
	cmds := make([]redis.Cmder, 0, 2*len(places))
	for at, i := range places {
		readings[at] = s.beginning(ctx, keys[i])
		cmds = append(cmds, readings[at].life, readings[at].value)
	}
	asked := time.Now()
	err := n.do(ctx, bulk, &call{cmds: cmds})
	for at, i := range places {
		f, r := &found[i], readings[at]
		switch {
		case err != nil:
			f.Err = fmt.Errorf("redis get: %w", err)
		case isElsewhere(r.value.Err()):
			f.Copy, f.OK, f.Err = s.Get(ctx, keys[i])
		case r.value.Err() == nil && r.value.Val() == "" && r.life.Err() == nil && r.life.Val() == noKey: // GETRANGE does not tell
		case lengthOf(r.value.Val()) > ports.LargeBytes:
			f.Large = true
		default:
			f.Copy, f.OK, f.Err = s.found(r, asked)
		}
	}
}

// reading is how a value is read: its life first. If another value comes in
// between, it is given too short a life, or, if that was meant to be shorter, its
// own. The other way round the one before would get the life of the next.
type reading struct {
	life  *redis.DurationCmd
	value *redis.StringCmd
}

func (s *Store) reading(ctx context.Context, key domain.Key) reading {
	name := namesOf(s.client.prefix, key).value
	return reading{redis.NewDurationCmd(ctx, time.Millisecond, "pttl", name), redis.NewStringCmd(ctx, "get", name)}
}

// noKey is what PTTL says of a key that is not there.
const noKey = -2

// beginning is a reading of no more than shows whether the value is large.
func (s *Store) beginning(ctx context.Context, key domain.Key) reading {
	r := s.reading(ctx, key)
	r.value = redis.NewStringCmd(ctx, "getrange", namesOf(s.client.prefix, key).value, 0, ports.LargeBytes)
	return r
}

// found tells what was read. The server says what is left of a life when it
// answers; taking off all that the reading and the decoding took errs on the side of a
// shorter one.
func (s *Store) found(r reading, asked time.Time) (domain.Copy, bool, error) {
	stored, err := r.value.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return domain.Copy{}, false, nil
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return domain.Copy{}, false, fmt.Errorf("%w: %w", domain.ErrUndecodable, err)
	case err != nil || r.life.Err() != nil:
		return domain.Copy{}, false, fmt.Errorf("redis get: %w", errors.Join(r.life.Err(), err))
	}
	e, err := s.client.forms.parse(stored)
	if err != nil {
		return domain.Copy{}, false, err
	}
	if r.life.Val() > e.TTL()+e.Keep() { // not as we stored it, so it says nothing of its age
		return domain.Copy{}, false, nil
	}
	c := domain.Copy{Entry: e, Remaining: r.life.Val() - e.Keep() - time.Since(asked)}
	if !c.Fresh() && !c.UsableStale(e.Keep()) {
		return domain.Copy{}, false, nil
	}
	return c, true, nil
}

// Fill stores e under the lease, ends the lease and wakes its waiters. When the lease
// has expired, and no write has come since, e is still stored where nothing is.
func (s *Store) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) error {
	n := namesOf(s.client.prefix, key)
	left := parting{name: n.value, ttl: storedTTL(e)}
	if e.TTL() == 0 {
		left.removes, left.ending = true, ports.Ending{Entry: e}
	} else {
		form := s.client.forms.of(e)
		left.text, left.wonAt, left.told = form, wonAt(lease), isSmall(form)
		left.version, left.remembered = e.Version(), storedTTL(e)
	}
	return s.client.endLease(ctx, n, key, lease, left)
}

// isSmall reports whether waiters may receive a form.
func isSmall(form []byte) bool {
	return len(form) <= ports.LargeBytes && lengthOf(string(form[:min(len(form), 2*binary.MaxVarintLen64)])) <= ports.LargeBytes
}

// storedTTL is how long the server holds e: for its TTL and for as long as it is kept
// after that.
func storedTTL(e *domain.Entry) time.Duration {
	if e.TTL() == 0 {
		return 0
	}
	return e.TTL() + e.Keep()
}

// Put stores e whoever holds the lease.
func (s *Store) Put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	return s.write(ctx, key, writing{form: s.client.forms.of(e), ttl: storedTTL(e), version: e.Version(), remembered: storedTTL(e)})
}

// Invalidate removes or expires what is stored whoever holds the lease.
func (s *Store) Invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) error {
	w := writing{version: i.Version, remembered: i.Remembered}
	if !i.Soft {
		return s.write(ctx, key, w)
	}
	for {
		asked, r := time.Now(), s.reading(ctx, key)
		if err := s.client.do(ctx, namesOf(s.client.prefix, key).value, reads, r.life, r.value); err != nil {
			return fmt.Errorf("redis write: %w", err)
		}
		w.form, w.ttl = nil, 0 // unless something is there that can be stale
		if found, ok, _ := s.found(r, asked); ok && found.Entry.Keep() > 0 {
			w.form, w.ttl = []byte(r.value.Val()), -found.Entry.Keep()
		}
		if err := s.write(ctx, key, w); !errors.Is(err, errOther) {
			return err
		}
	}
}

// bulky is from how many bytes on a command goes where it holds up no others.
const bulky = 64 << 10

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

// errOther: another value is there than the one that was to expire.
var errOther = errors.New("redis: the value has changed")

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
