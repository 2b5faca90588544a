package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// The floor of a key is the highest version that is known of it: a row of its own
// beside that of the value, so it takes room like one and survives a restart with it.
// It is read and written with the key's lease reserved.

func floorOf(key domain.Key) string { return key.String() + "\x1ffloor" }

// aboveFloor returns domain.ErrOutdated for a version below the floor of key.
func (l *Layer) aboveFloor(ctx context.Context, key domain.Key, version uint64) error {
	if version == 0 {
		return nil
	}
	floor, err := l.floor(ctx, key)
	if err == nil && version < floor {
		return fmt.Errorf("version %d of %q, but %d is known: %w", version, key, floor, domain.ErrOutdated)
	}
	return err
}

func (l *Layer) floor(ctx context.Context, key domain.Key) (uint64, error) {
	r, ok, err := l.store.get(ctx, floorOf(key))
	if err != nil || !ok || len(r.form) != 8 || r.deadline <= l.now().UnixMilli() {
		return 0, err
	}
	return binary.BigEndian.Uint64([]byte(r.form)), nil
}

// raiseFloor makes version the floor of key, unless there is a higher one.
func (l *Layer) raiseFloor(ctx context.Context, key domain.Key, version uint64, remembered time.Duration) error {
	if version == 0 {
		return nil
	}
	floor, err := l.floor(ctx, key)
	if err != nil || floor > version {
		return err
	}
	now := l.now()
	return l.store.put(ctx, floorOf(key), binary.BigEndian.AppendUint64(nil, version), now.Add(remembered).UnixMilli(), now.UnixMilli())
}
