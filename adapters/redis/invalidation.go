package redis

import (
	"crypto/rand"
	"strings"
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// invalidation is the message that says that a write changed a key: who wrote, the
// nonce of the write, and the key.
func invalidation(sender, nonce string, key domain.Key) string {
	return sender + holderEnds + nonce + " " + key.String()
}

func parseInvalidation(message string) (sender, nonce string, key domain.Key, err error) {
	who, name, _ := strings.Cut(message, " ")
	sender, nonce, _ = strings.Cut(who, holderEnds)
	key, err = domain.ParseKey(name)
	return sender, nonce, key, err
}

// ownWrites are the writes of this instance whose invalidations have not come back.
// One whose call has failed is not among them: if it takes effect after all, its
// invalidation is received like another instance's.
type ownWrites struct {
	mu   sync.Mutex
	open map[string]ownWrite // by nonce
}

type ownWrite struct{ ended, received bool }

func (w *ownWrites) begin() (nonce string) {
	nonce = rand.Text()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[nonce] = ownWrite{}
	return nonce
}

// end takes note of how a write's call has ended.
func (w *ownWrites) end(nonce string, succeeded bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one, begun := w.open[nonce]; !begun || one.received || !succeeded {
		delete(w.open, nonce)
	} else {
		w.open[nonce] = ownWrite{ended: true}
	}
}

// receive reports whether the invalidation is of a write that this instance knows of
// by itself: its call has succeeded, or is going to end.
func (w *ownWrites) receive(nonce string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	one, known := w.open[nonce]
	switch {
	case known && one.ended:
		delete(w.open, nonce)
	case known:
		w.open[nonce] = ownWrite{received: true}
	}
	return known
}

// forget is for when invalidations may have been lost: they do not come any more.
func (w *ownWrites) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for nonce, one := range w.open {
		if one.ended {
			delete(w.open, nonce)
		}
	}
}
