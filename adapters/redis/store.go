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

// bulky is from how many bytes on a command goes where it holds up no others.
const bulky = 64 << 10

// errOther: another value is there than the one that was to expire.
var errOther = errors.New("redis: the value has changed")
