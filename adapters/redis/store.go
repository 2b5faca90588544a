package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Get reads the entry of key and the life it has left in one round trip.
func (s *Store) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	asked := time.Now()
	var r reading
	err := s.client.call(ctx, func(ctx context.Context) error {
		r = s.reading(ctx, key)
		return s.client.send(ctx, r.life, r.value)
	})
	if err != nil && !errors.Is(err, redis.Nil) { // r may not be looked at
		return domain.Copy{}, false, fmt.Errorf("redis get: %w", err)
	}
	return r.found(time.Since(asked))
}

// readsAtOnce is how many keys are read in one call at the most, so that a call
// of many keeps within its budget while others make theirs.
const readsAtOnce = 100

// GetMany sends the reads of up to a hundred keys in one pipeline for each server.
func (s *Store) GetMany(ctx context.Context, keys []domain.Key) []ports.Found {
	found := make([]ports.Found, 0, len(keys))
	for some := range slices.Chunk(keys, readsAtOnce) {
		found = append(found, s.getSome(ctx, some)...)
	}
	return found
}

func (s *Store) getSome(ctx context.Context, keys []domain.Key) []ports.Found {
	found := make([]ports.Found, len(keys))
	readings := make([]reading, len(keys))
	asked := time.Now()
	err := s.client.call(ctx, func(ctx context.Context) error {
		_, err := s.client.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, key := range keys {
				readings[i] = s.beginning(ctx, key)
				_ = p.Process(ctx, readings[i].life)
				_ = p.Process(ctx, readings[i].value)
			}
			return nil
		})
		if errors.Is(err, redis.Nil) {
			return nil // the first error of all; others are found below
		}
		return err
	})
	took := time.Since(asked)
	for i, r := range readings {
		f := &found[i]
		switch {
		case r.value == nil: // not even asked
			f.Err = fmt.Errorf("redis get: %w", err)
		case r.value.Err() == nil && r.value.Val() == "" && r.life.Err() == nil && r.life.Val() == noKey: // GETRANGE does not tell
		case len(r.value.Val()) > ports.LargeBytes:
			f.Large = true
		default:
			f.Copy, f.OK, f.Err = r.found(took)
		}
	}
	return found
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
// answers; taking off all that the reading took errs on the side of a shorter one.
func (r reading) found(took time.Duration) (domain.Copy, bool, error) {
	stored, err := r.value.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return domain.Copy{}, false, nil
	case err != nil || r.life.Err() != nil:
		return domain.Copy{}, false, fmt.Errorf("redis get: %w", errors.Join(r.life.Err(), err))
	}
	e, err := domain.ParseStored(stored)
	if err != nil {
		return domain.Copy{}, false, err
	}
	c := domain.Copy{Entry: e, Left: min(r.life.Val()-e.Keep(), e.TTL()) - took}
	if !c.Fresh() && !c.UsableStale(e.Keep()) {
		return domain.Copy{}, false, nil
	}
	return c, true, nil
}

// Fill stores e under the lease, ends the lease and wakes its waiters.
func (s *Store) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) error {
	n := namesOf(s.client.prefix, key)
	return s.client.endLease(ctx, n, key, lease, parting{name: n.value, text: storedForm(e), life: storedLife(e)})
}

func storedForm(e *domain.Entry) []byte {
	return domain.AppendStored(make([]byte, 0, e.Size()+64), e)
}

// storedLife is how long the server holds e: for its life and for as long as it
// is kept after that.
func storedLife(e *domain.Entry) time.Duration {
	if e.TTL() == 0 {
		return 0
	}
	return e.TTL() + e.Keep()
}

// Put stores e whoever holds the lease.
func (s *Store) Put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	return s.write(ctx, key, storedForm(e), storedLife(e))
}

// Delete removes what is stored whoever holds the lease.
func (s *Store) Delete(ctx context.Context, key domain.Key) error {
	return s.write(ctx, key, nil, 0)
}

func (s *Store) write(ctx context.Context, key domain.Key, form []byte, life time.Duration) error {
	c := s.client
	n := namesOf(c.prefix, key)
	err := c.call(ctx, func(ctx context.Context) error {
		_, err := c.run(ctx, writeScript, []string{n.value, n.lock, n.failure, n.waiters},
			key.String(), form, life.Milliseconds(), c.changes(), c.id+" "+key.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("redis write: %w", err)
	}
	return nil
}

// parting is what the end of a lease leaves behind.
type parting struct {
	name      string
	text      any // a string or bytes
	life      time.Duration
	withdrawn bool // what is stored is removed, and the other instances are told
}

func (c *Client) endLease(ctx context.Context, n names, key domain.Key, lease ports.Lease, left parting) error {
	if lease == "" {
		return domain.ErrLeaseLost
	}
	keys, args := []string{n.lock, n.waiters, left.name}, []any{string(lease), key.String(), left.text, left.life.Milliseconds()}
	if left.withdrawn {
		keys, args = append(keys, n.value), append(args, c.changes(), c.id+" "+key.String())
	}
	var ended int
	err := c.call(ctx, func(ctx context.Context) error {
		cmd, err := c.run(ctx, endScript, keys, args...)
		if err == nil {
			ended, err = cmd.Int()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("redis end lease: %w", err)
	}
	if ended == 0 {
		return domain.ErrLeaseLost
	}
	return nil
}
