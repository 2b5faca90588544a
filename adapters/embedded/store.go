package embedded

import (
	"context"
	"fmt"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.L2Store = (*Layer)(nil)

// store holds rows and knows nothing of leases: there is one write of a key at a
// time, see fence.go. Times are Unix milliseconds. After close every call but
// fault fails with domain.ErrClosed.
type store interface {
	// get returns what is stored for key, expired or not.
	get(ctx context.Context, key string) (row, bool, error)

	// put stores a row in place of what was there, and evicts others if it needs
	// their room. It keeps neither key nor form. The error wraps
	// domain.ErrTooLarge when the row does not fit into an empty store: then
	// nothing has changed.
	put(ctx context.Context, key string, form []byte, deadline, now int64) error

	remove(ctx context.Context, key string) error

	// fault says why the store fails, in words for anyone; empty while it works. It
	// tells what is known, without asking the store.
	fault() string

	// close waits for the calls under way. It is called once.
	close() error
}

// expiredPerPut is how many expired rows each put deletes: more than are stored,
// so that they do not pile up, and few enough for the put to be short.
const expiredPerPut = 16

func tooLarge(need, allowed int64) error {
	return fmt.Errorf("%w: %d bytes to store, %d allowed", domain.ErrTooLarge, need, allowed)
}

// Get returns what is stored for key and is fresh or kept.
func (l *Layer) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	if err := ctx.Err(); err != nil {
		return domain.Copy{}, false, err
	}
	r, ok, err := l.store.get(ctx, key.String())
	if err != nil {
		return domain.Copy{}, false, fmt.Errorf("embedded layer: get: %w", err)
	}
	if !ok {
		return domain.Copy{}, false, nil
	}
	return decode(r, l.now())
}

// GetMany reads one after the other: no round trip is to be saved.
func (l *Layer) GetMany(ctx context.Context, keys []domain.Key) []ports.Found {
	found := make([]ports.Found, len(keys))
	for i, key := range keys {
		f := &found[i]
		f.Copy, f.OK, f.Err = l.Get(ctx, key)
		if f.OK && f.Copy.Entry.Size() > ports.LargeBytes {
			*f = ports.Found{Large: true}
		}
	}
	return found
}

// Fill stores e and ends the lease. The entry is there before the lease ends, so
// callers that are woken, or find the lease free, find the entry as well.
func (l *Layer) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	held, err := l.leases.beginFill(key, lease.Token, e.TTL() > 0)
	if err != nil {
		return err
	}
	var ending ports.Ending
	if e.TTL() == 0 {
		ending.Entry = e
	}
	done := false // also when the store panics
	defer func() { l.leases.endWrite(key, held, done, ending) }()
	if err = l.aboveFloor(ctx, key, e.Version()); err == nil {
		err = l.write(ctx, key, e)
	}
	done = err == nil
	return err
}

// Put stores e whichever caller holds the lease. It waits for a fill that is in
// progress: what is put comes after it. A value that is too large changes nothing.
func (l *Layer) Put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	if err := l.checkSize(e); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.aboveFloor(ctx, key, e.Version()); err != nil {
		return err
	}
	seized, err := l.leases.seize(ctx, key)
	if err != nil {
		return err
	}
	defer l.leases.endWrite(key, seized, true, ports.Ending{})
	if err := l.aboveFloor(ctx, key, e.Version()); err != nil {
		return err
	}
	return l.write(ctx, key, e)
}

// Invalidate removes what is stored, or lets it expire, as Put would replace it.
func (l *Layer) Invalidate(ctx context.Context, key domain.Key, i domain.Invalidation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	seized, err := l.leases.seize(ctx, key)
	if err != nil {
		return err
	}
	defer l.leases.endWrite(key, seized, true, ports.Ending{})
	if err := l.raiseFloor(ctx, key, i.Version, i.Remembered); err != nil {
		return fmt.Errorf("embedded layer: invalidate: %w", err)
	}
	if i.Soft {
		err = l.expire(ctx, key)
	} else {
		err = l.store.remove(ctx, key.String())
	}
	if err != nil {
		return fmt.Errorf("embedded layer: invalidate: %w", err)
	}
	return nil
}

// expire makes what is stored for key stale, if it may be kept so.
func (l *Layer) expire(ctx context.Context, key domain.Key) error {
	r, ok, err := l.store.get(ctx, key.String())
	if err != nil || !ok {
		return err
	}
	now := l.now()
	c, ok, err := decode(r, now)
	switch {
	case err != nil || !ok || c.Entry.Keep() == 0:
		return l.store.remove(ctx, key.String())
	case !c.Fresh():
		return nil
	}
	return l.store.put(ctx, key.String(), []byte(r.form), now.Add(c.Entry.Keep()).UnixMilli(), now.UnixMilli())
}

// write stores e for key in place of what was there. The caller has reserved the
// key's lease.
func (l *Layer) write(ctx context.Context, key domain.Key, e *domain.Entry) error {
	err := l.checkSize(e)
	switch {
	case err != nil:
		return err
	case e.TTL() <= 0:
		err = l.store.remove(ctx, key.String())
	default:
		err = l.put(ctx, key, e)
		if err == nil {
			err = l.raiseFloor(ctx, key, e.Version(), e.TTL()+e.Keep())
		}
	}
	if err != nil {
		return fmt.Errorf("embedded layer: write: %w", err)
	}
	return nil
}

func (l *Layer) put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	buffer, _ := l.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer l.buffers.Put(buffer)
	now := l.now()
	form, deadline := encode((*buffer)[:0], e, now)
	*buffer = form
	return l.store.put(ctx, key.String(), form, deadline, now.UnixMilli())
}

func (l *Layer) checkSize(e *domain.Entry) error {
	if len(e.Body()) > l.maxValue {
		return fmt.Errorf("embedded layer: %w: %d bytes, %d allowed", domain.ErrTooLarge, len(e.Body()), l.maxValue)
	}
	return nil
}
