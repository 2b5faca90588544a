package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.L2Store = (*Layer)(nil)

// Get returns what is stored for key and is alive or kept. Reads are local and
// short, so ctx is looked at once, at the beginning.
func (l *Layer) Get(ctx context.Context, key domain.Key) (domain.Copy, bool, error) {
	if err := ctx.Err(); err != nil {
		return domain.Copy{}, false, err
	}
	if err := l.using.enter(); err != nil {
		return domain.Copy{}, false, err
	}
	defer l.using.leave()
	form, err := l.read(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return domain.Copy{}, false, nil
	}
	if err != nil {
		return domain.Copy{}, false, fmt.Errorf("embedded layer: get: %w", err)
	}
	return decode(form, l.now())
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

func (l *Layer) read(key domain.Key) (form string, err error) {
	err = l.db.View(func(txn *badger.Txn) (err error) {
		form, err = join(txn, key)
		return err
	})
	return form, err
}

// Fill stores e and ends the lease. The entry is there before the lease ends, so
// whoever is woken, or finds the lease free, finds the entry as well.
func (l *Layer) Fill(ctx context.Context, key domain.Key, e *domain.Entry, lease ports.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.using.enter(); err != nil {
		return err
	}
	defer l.using.leave()
	held, err := l.leases.beginFill(key, lease)
	if err != nil {
		return err
	}
	done := false // also when Badger panics
	defer func() { l.leases.endWrite(key, held, done) }()
	if err := l.write(key, e); err != nil {
		return err
	}
	done = true
	return nil
}

// Put stores e whoever holds the lease. It waits for a fill that is under way:
// what is put comes after it. A value that is too large changes nothing.
func (l *Layer) Put(ctx context.Context, key domain.Key, e *domain.Entry) error {
	if err := l.checkSize(e); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.using.enter(); err != nil {
		return err
	}
	defer l.using.leave()
	seized, err := l.leases.seize(ctx, key)
	if err != nil {
		return err
	}
	defer l.leases.endWrite(key, seized, true)
	return l.write(key, e)
}

// Delete puts an entry without life, which is not stored.
func (l *Layer) Delete(ctx context.Context, key domain.Key) error {
	return l.Put(ctx, key, domain.NewMissing(0, 0))
}
