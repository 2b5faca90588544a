package postgres

import (
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// batch is what was received of one or more transactions that follow each other.
type batch struct {
	keys    changefeed.Keys
	txs     transactions  // that changed a key
	version pglogrepl.LSN // of the last that changed a key
	upTo    pglogrepl.LSN // all before it was received
	since   time.Time     // when the first was committed, by the clock of this process
	failed  error         // ends the feed after the batch
}

// join appends what was received next. What changes nothing counts for upTo alone.
func (b *batch) join(next batch) {
	b.upTo = max(b.upTo, next.upTo)
	if b.failed == nil {
		b.failed = next.failed
	}
	if next.keys.Empty() && !b.keys.Empty() {
		return
	}
	if b.keys.Empty() || next.since.Before(b.since) {
		b.since = next.since
	}
	b.version = max(b.version, next.version)
	b.keys.AddKeys(next.keys)
	b.txs.add(next.txs)
}

func (b *batch) change() ports.Change {
	return ports.Change{Keys: b.keys.List(), All: b.keys.All(), Version: uint64(b.version), Behind: max(0, time.Since(b.since))}
}

// inbox has what was received and not taken yet, as one batch.
type inbox struct {
	ready chan struct{} // has one if there is a batch

	mu   sync.Mutex
	next *batch
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

// put never waits.
func (i *inbox) put(b batch) {
	i.mu.Lock()
	if i.next == nil {
		i.next = &b
	} else {
		i.next.join(b)
	}
	i.mu.Unlock()
	select {
	case i.ready <- struct{}{}:
	default:
	}
}

// take returns what was put since it was called last, if anything.
func (i *inbox) take() (batch, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.next == nil {
		return batch{}, false
	}
	b := *i.next
	i.next = nil
	return b, true
}
