package embedded

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// An entry is stored as its deadline and its stored form. The deadline, the
	// end of its life and of the time for which it is kept after that, is in Unix
	// milliseconds of this machine's clock, eight bytes, big-endian: the
	// only other reader is this program after a restart on the same machine.
	// Badger's own deadline has whole seconds; it is set to the next full one
	// and tells when the space may be reused.
	deadlineBytes = 8

	// All of that is cut into pieces of this size, most often one. In memory
	// Badger refuses values above 1 MiB; on disk it would put them into its
	// value log, which does not clean itself. The first piece has the number of
	// the others as its user meta byte.
	pieceBytes = 512 << 10
	maxPieces  = 256
)

// nameOf names a piece. What comes before the key keeps the pieces apart from
// each other and from names that Badger reserves for itself.
func nameOf(key domain.Key, piece int) []byte {
	return append([]byte{'v', byte(piece)}, key.String()...)
}

// encode returns the pieces that are written for e: none if it has no life.
func encode(key domain.Key, e *domain.Entry, now time.Time) []*badger.Entry {
	if e.TTL() <= 0 {
		return nil
	}
	form := domain.AppendStored(make([]byte, deadlineBytes, deadlineBytes+e.Size()+64), e)
	return cut(key, form, now.Add(e.TTL()).Add(e.Keep()))
}

// cut takes a stored form that has room for the deadline before it.
func cut(key domain.Key, form []byte, deadline time.Time) []*badger.Entry {
	millis := deadline.UnixMilli()
	binary.BigEndian.PutUint64(form, uint64(millis))
	var pieces []*badger.Entry
	for part := range slices.Chunk(form, pieceBytes) {
		piece := badger.NewEntry(nameOf(key, len(pieces)), part)
		piece.ExpiresAt = uint64(millis/1000 + 1)
		pieces = append(pieces, piece)
	}
	pieces[0].UserMeta = byte(len(pieces) - 1)
	return pieces
}

// join reads what cut made, with badger.ErrKeyNotFound when it is not there, or
// not whole because it expires as we look.
func join(txn *badger.Txn, key domain.Key) (string, error) {
	var form strings.Builder
	for n, pieces := 0, 1; n < pieces; n++ {
		item, err := txn.Get(nameOf(key, n))
		if err != nil {
			return "", err
		}
		if n == 0 {
			pieces = 1 + int(item.UserMeta())
			form.Grow(int(item.ValueSize()) + (pieces-1)*pieceBytes)
		}
		err = item.Value(func(part []byte) error {
			form.Write(part)
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return form.String(), nil
}

// decode returns the copy that form is at that time, and whether it is alive or
// kept.
func decode(form string, now time.Time) (domain.Copy, bool, error) {
	if len(form) < deadlineBytes {
		return domain.Copy{}, false, fmt.Errorf("embedded layer: %w: no deadline", domain.ErrUndecodable)
	}
	deadline := int64(binary.BigEndian.Uint64([]byte(form[:deadlineBytes])))
	stays := time.UnixMilli(deadline).Sub(now)
	if stays <= 0 {
		return domain.Copy{}, false, nil
	}
	e, err := domain.ParseStored(form[deadlineBytes:])
	if err != nil {
		return domain.Copy{}, false, fmt.Errorf("embedded layer: %w", err)
	}
	left := stays - e.Keep()
	if left > e.TTL() {
		// The clock was set back before a restart: how old this is, is unknown.
		return domain.Copy{}, false, nil
	}
	return domain.Copy{Entry: e, Left: left}, true, nil
}

func chargeOf(pieces []*badger.Entry) charge {
	var c charge
	for _, piece := range pieces {
		c = charge{bytes: c.bytes + int64(len(piece.Key)+len(piece.Value)), until: int64(piece.ExpiresAt)}
	}
	return c
}

func itemCharge(item *badger.Item) charge {
	return charge{bytes: item.KeySize() + item.ValueSize(), until: int64(item.ExpiresAt())}
}
