package embedded

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Layer is a second layer, a locker and a bus in one process. Close it.
type Layer struct {
	db       *badger.DB
	leases   *leases
	account  *account
	maxValue int
	// opened carries the monotonic clock, see now.
	opened time.Time

	using gate
	close func() error
}

// Open starts a layer, with what the data directory still has of it.
func Open(o Options) (*Layer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	small := o.badgerOptions()
	if err := preflight(small); err != nil {
		return nil, explain(o.Dir, err)
	}
	db, err := badger.Open(small)
	if err != nil {
		return nil, explain(o.Dir, err)
	}
	l := &Layer{
		db: db, maxValue: o.MaxValueBytes, opened: time.Now(),
		leases: newLeases(o.LockTTL, o.Cooldown),
	}
	l.account = newAccount(o.MaxBytes, l.now())
	l.close = sync.OnceValue(l.shut)
	if o.Dir == "" {
		return l, nil
	}
	if err := l.rebuildAccount(); err != nil {
		_ = db.Close()
		return nil, explain(o.Dir, err)
	}
	return l, nil
}

// explain says which directory could not be opened, and in the one case that a
// user can mend at once, why.
func explain(dir string, err error) error {
	if strings.Contains(err.Error(), "Cannot acquire directory lock") {
		return fmt.Errorf("embedded layer: data directory %q is in use by another process", dir)
	}
	return fmt.Errorf("embedded layer: cannot open data directory %q (it may be deleted, it is a cache): %w", dir, err)
}

// Health names the kind of the layer: being in the process, it is well if that is.
func (l *Layer) Health(context.Context) string { return "embedded" }

// Breaker is closed: there is none, and nothing that it could keep from waiting.
func (l *Layer) Breaker() string { return "closed" }

// Close waits for the calls under way and ends the layer; later calls that read or
// write values fail. Closing again does nothing and returns the same.
func (l *Layer) Close() error { return l.close() }

func (l *Layer) shut() error {
	l.using.shut()
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close embedded layer: %w", err)
	}
	return nil
}

// now is the time of day as of Open plus what has passed since, so that a clock
// that is set while the process runs makes no entry live longer.
func (l *Layer) now() time.Time { return l.opened.Add(time.Since(l.opened)) }
