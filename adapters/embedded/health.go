package embedded

import (
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"
)

// health is the state of the disk as the last call found it.
type health struct {
	log   *slog.Logger
	mu    sync.Mutex            // one change, and its line, at a time
	fault atomic.Pointer[error] // nil while the disk works
}

// note takes the outcome of a call and logs a change of state.
func (h *health) note(err error) {
	if err == nil && h.fault.Load() == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.fault.Load() != nil
	if err == nil {
		h.fault.Store(nil)
	} else {
		h.fault.Store(&err)
	}
	switch {
	case err != nil && !was:
		h.log.Warn("embedded layer: the disk cannot be used as it should", "err", err)
	case err == nil && was:
		h.log.Info("embedded layer: the disk is usable again")
	}
}

// reason says why the disk does not work, in words that show neither a path nor
// another text of the system; empty while it works.
func (h *health) reason() string {
	fault := h.fault.Load()
	if fault == nil {
		return ""
	}
	switch err := *fault; {
	case errors.Is(err, errFull), isFull(err), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errFull.Error()
	case errors.Is(err, errHangs):
		return errHangs.Error()
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), is(err, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
		return "the data directory cannot be written to"
	default:
		return "the disk fails"
	}
}
