package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Layer is a second layer, a locker and a bus in one process. Close it.
type Layer struct {
	store    store
	leases   *leases
	records  records
	hotLists sync.Mutex // held while a list of hot keys is replaced
	maxValue int
	buffers  sync.Pool // of *[]byte, for stored forms
	// opened carries the monotonic clock, see now.
	opened time.Time
	close  func() error
}

// Open starts a layer, with what the data directory still has of it. A data
// directory that cannot be used because of a wrong setting is an error; one whose
// disk is full or fails is not: the layer is degraded until that is over.
func Open(o Options) (*Layer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var values store = newMemory(o.MaxBytes)
	if o.Dir != "" {
		log := o.Logger
		if log == nil {
			log = slog.New(slog.DiscardHandler)
		}
		d, err := openDisk(o.Dir, o.MaxBytes, log)
		if err != nil {
			return nil, fmt.Errorf("embedded layer: data directory %q %w", o.Dir, err)
		}
		values = d
	}
	return newLayer(values, o), nil
}

func newLayer(values store, o Options) *Layer {
	return &Layer{
		store: values, leases: newLeases(o.LockTTL), records: records{caches: make(map[string]*record)},
		maxValue: o.MaxValueBytes, opened: time.Now(),
		close: sync.OnceValue(values.close),
	}
}

// Health is "embedded", or "degraded" while the disk fails or is full. It tells
// what is known, without asking the disk.
func (l *Layer) Health(context.Context) string {
	if l.Reason() != "" {
		return "degraded"
	}
	return "embedded"
}

// Reason says why the layer is degraded, in words that any client may read: no path
// is in it. Otherwise it is empty.
func (l *Layer) Reason() string { return l.store.fault() }

// Breaker is closed: there is none, and nothing that it could keep from waiting.
func (l *Layer) Breaker() string { return "closed" }

// Close waits for the calls in progress and ends the layer; later calls that read or
// write values fail. Closing again does nothing and returns the same.
func (l *Layer) Close() error {
	if err := l.close(); err != nil {
		return fmt.Errorf("close embedded layer: %w", err)
	}
	return nil
}

// now is the time of day as of Open plus what has passed since, so that a clock
// that is set while the process runs extends no TTL.
func (l *Layer) now() time.Time { return l.opened.Add(time.Since(l.opened)) }
