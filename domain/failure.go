package domain

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// MaxRetryAfter is the longest cool-down that a source can ask for.
const MaxRetryAfter = time.Minute

// SourceError is a load without a value, from a source that answers by status
// codes. Other sources return plain errors.
type SourceError struct {
	Status     int           // what the source answered
	RetryAfter time.Duration // how long it wants to be left alone; 0: it did not say
	Err        error         // wraps ErrNotFound or a load failure
}

// Error returns the status and the cause.
func (e *SourceError) Error() string { return fmt.Sprintf("%v (status %d)", e.Err, e.Status) }

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// SourceStatus returns the status with which the source answered the load that
// ended with err, or 0 when none is known.
func SourceStatus(err error) int {
	if e, ok := errors.AsType[*SourceError](err); ok {
		return e.Status
	}
	return 0
}

// Cooldown returns how long a key is not loaded after err: the usual time, or
// longer if the source asked for it.
func Cooldown(err error, usual time.Duration) time.Duration {
	if e, ok := errors.AsType[*SourceError](err); ok {
		return max(usual, min(e.RetryAfter, MaxRetryAfter))
	}
	return usual
}

// loadFailures are the ways in which a load fails, by the names under which they
// are stored. The first that matches an error counts.
var loadFailures = []struct {
	kind string
	err  error
}{
	{"timeout", ErrTimeout},
	{"withdrawn", ErrWithdrawn},
	{"too-large", ErrSourceTooLarge},
	{"too-soon", ErrTooSoon},
	{"failed", ErrSourceFailed},
}

// IsLoadFailure reports whether err says that the source did not deliver.
func IsLoadFailure(err error) bool { return failureKind(err) != "" }

// FailureKind returns the name of what is remembered of a failed load. Every
// error has one: those that are no load failure count as ErrSourceFailed.
func FailureKind(err error) string { return cmp.Or(failureKind(err), "failed") }

// RecallFailure returns the failure of a kind, which a version of this program
// that knows more kinds may have stored.
func RecallFailure(kind string) error {
	for _, f := range loadFailures {
		if f.kind == kind {
			return f.err
		}
	}
	return ErrSourceFailed
}

func failureKind(err error) string {
	for _, f := range loadFailures {
		if errors.Is(err, f.err) {
			return f.kind
		}
	}
	return ""
}
