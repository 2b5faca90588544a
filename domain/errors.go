package domain

import (
	"errors"
	"fmt"
)

// The errors of the cache. Adapters translate what their vendor says into
// these; callers compare with errors.Is.
var (
	// ErrInvalidKey: the text cannot be a key.
	ErrInvalidKey = errors.New("invalid key")

	// ErrNoRoute: no source is configured for the key.
	ErrNoRoute = errors.New("no route for the key")

	// ErrInvalidTag: the text cannot be a tag, or there are too many.
	ErrInvalidTag = errors.New("invalid tag")

	// ErrNotModified: the value is still the one that the validator names.
	ErrNotModified = errors.New("not modified")

	// ErrNotFound: the source says that the key does not exist. It is an
	// answer, not a failure: the cache remembers it as a missing entry.
	ErrNotFound = errors.New("no such key")

	// ErrSourceFailed: the source could not answer. It is remembered for the
	// cool-down, on every instance.
	ErrSourceFailed = errors.New("source failed")

	// ErrWithdrawn: the source withholds the value (for HTTP: 401, 403, 451). It
	// is remembered as ErrSourceFailed is; besides, no layer serves an older copy.
	ErrWithdrawn = errors.New("withdrawn by the source")

	// ErrSourceBusy: the source takes no more calls at the moment. It is a failure of the
	// source: the error is ErrSourceFailed, too.
	ErrSourceBusy = fmt.Errorf("%w: it takes no more calls", ErrSourceFailed)

	// ErrTooSoon: the key was loaded too recently to be loaded again for a request
	// that stores nothing. It is remembered as ErrSourceFailed is.
	ErrTooSoon = errors.New("loaded too recently")

	// ErrTimeout: the load, or the wait for it, took too long.
	ErrTimeout = errors.New("took too long")

	// ErrOverloaded: no slot for one more source call became free in time.
	ErrOverloaded = errors.New("overloaded")

	// ErrClosed: the service is shutting down and starts no more loads.
	ErrClosed = errors.New("shutting down")

	// ErrTooLarge: a value has more bytes than allowed.
	ErrTooLarge = errors.New("value too large")

	// ErrSourceTooLarge: the source's value is too large. It is a failure of the
	// source: the error is ErrSourceFailed and ErrTooLarge, too.
	ErrSourceTooLarge = fmt.Errorf("%w: %w", ErrSourceFailed, ErrTooLarge)
	// ErrAnswerTooLarge: the value does not fit into the answer any more.
	ErrAnswerTooLarge = errors.New("answer too large")

	// ErrLeaseLost: the lease no longer stands, because it expired, was released
	// or was voided by a write. What was to be done under it was not done.
	ErrLeaseLost = errors.New("lease lost")

	// ErrLeaseHeld: another caller holds the lease.
	ErrLeaseHeld = errors.New("lease held by another")

	// ErrNotCached: no layer has what meets the constraints, and nothing may be loaded.
	ErrNotCached = errors.New("not cached")

	// ErrStillLoading: the load takes longer than the caller would wait. It goes on.
	ErrStillLoading = errors.New("still loading")

	// ErrL2Unavailable: a write did not reach the shared layer, or may not have.
	ErrL2Unavailable = errors.New("shared layer unavailable")

	// ErrOutdated: a version is below one that is known of the key.
	ErrOutdated = errors.New("outdated version")

	// ErrUndecodable: a stored entry is not in a form that this version reads.
	ErrUndecodable = errors.New("undecodable entry")
)
