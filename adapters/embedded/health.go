package embedded

import (
	"log/slog"
	"sync"
	"sync/atomic"
)

// health is the state of the disk as the last call found it.
type health struct {
	log      *slog.Logger
	mu       sync.Mutex // one change, and its line, at a time
	degraded atomic.Bool
}

// note takes the outcome of a call and logs a change of state.
func (h *health) note(err error) {
	if h.degraded.Load() == (err != nil) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.degraded.CompareAndSwap(err == nil, err != nil) {
		return
	}
	if err != nil {
		h.log.Warn("embedded layer: the disk cannot be used as it should", "err", err)
		return
	}
	h.log.Info("embedded layer: the disk is usable again")
}
