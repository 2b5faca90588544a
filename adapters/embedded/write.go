package embedded

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// write stores e for key in place of what was there. Only who has reserved the
// key's lease calls it, so there is one write of a key at a time.
func (l *Layer) write(key domain.Key, e *domain.Entry) error {
	if err := l.checkSize(e); err != nil {
		return err
	}
	txn := l.db.NewTransaction(true)
	defer txn.Discard()
	last, pieces, err := stored(txn, key)
	if err != nil {
		return fmt.Errorf("embedded layer: write: %w", err)
	}
	now := l.now()
	next := encode(key, e, now)
	if err := l.account.replace(last, chargeOf(next), now); err != nil {
		return err
	}
	if err := commit(txn, key, next, pieces); err != nil {
		l.account.force(chargeOf(next), last)
		return err
	}
	return nil
}

func (l *Layer) checkSize(e *domain.Entry) error {
	if len(e.Body()) > l.maxValue {
		return fmt.Errorf("embedded layer: %w: %d bytes, %d allowed", domain.ErrTooLarge, len(e.Body()), l.maxValue)
	}
	return nil
}

// stored returns what the entry of key costs now, and its number of pieces.
func stored(txn *badger.Txn, key domain.Key) (c charge, pieces int, err error) {
	for n, total := 0, 1; n < total; n++ {
		item, err := txn.Get(nameOf(key, n))
		if errors.Is(err, badger.ErrKeyNotFound) {
			break // it expires as we look
		}
		if err != nil {
			return charge{}, 0, err
		}
		if n == 0 {
			total = 1 + int(item.UserMeta())
		}
		c = charge{bytes: c.bytes + itemCharge(item).bytes, until: int64(item.ExpiresAt())}
		pieces++
	}
	return c, pieces, nil
}

// commit writes the pieces of next and deletes those that were there beyond.
func commit(txn *badger.Txn, key domain.Key, next []*badger.Entry, pieces int) error {
	err := change(txn, key, next, pieces)
	if err == nil {
		err = txn.Commit()
	}
	switch {
	case errors.Is(err, badger.ErrTxnTooBig):
		return fmt.Errorf("embedded layer: %w: %w", domain.ErrTooLarge, err)
	case err != nil:
		return fmt.Errorf("embedded layer: write: %w", err)
	}
	return nil
}

func change(txn *badger.Txn, key domain.Key, next []*badger.Entry, pieces int) error {
	for _, piece := range next {
		if err := txn.SetEntry(piece); err != nil {
			return err
		}
	}
	for n := len(next); n < pieces; n++ {
		if err := txn.Delete(nameOf(key, n)); err != nil {
			return err
		}
	}
	return nil
}

// rebuildAccount books what the data directory has, from its keys alone.
func (l *Layer) rebuildAccount() error {
	return l.db.View(func(txn *badger.Txn) error {
		keysOnly := badger.DefaultIteratorOptions
		keysOnly.PrefetchValues = false
		it := txn.NewIterator(keysOnly)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			l.account.force(charge{}, itemCharge(it.Item()))
		}
		return nil
	})
}
