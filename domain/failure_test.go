package domain_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestAFailureIsRecalledAsItWas(t *testing.T) {
	for _, failure := range []error{domain.ErrTimeout, domain.ErrWithdrawn, domain.ErrSourceTooLarge, domain.ErrSourceFailed} {
		wrapped := fmt.Errorf("wrapped: %w", &domain.SourceError{Status: 500, Err: failure})
		require.True(t, domain.IsLoadFailure(wrapped))
		require.Equal(t, failure, domain.RecallFailure(domain.FailureKind(wrapped)))
	}
	require.False(t, domain.IsLoadFailure(errors.New("anything")))
	require.False(t, domain.IsLoadFailure(domain.ErrNotFound))
	require.False(t, domain.IsLoadFailure(domain.ErrTooLarge), "a value that is written is no load")
	require.Equal(t, domain.ErrSourceFailed, domain.RecallFailure(domain.FailureKind(errors.New("anything"))))
	require.Equal(t, domain.ErrSourceFailed, domain.RecallFailure("a kind of a later version"))
}

func TestASourceLengthensTheCooldownByAMinuteAtMost(t *testing.T) {
	asks := func(d time.Duration) error { return &domain.SourceError{RetryAfter: d, Err: domain.ErrSourceFailed} }
	require.Equal(t, time.Second, domain.Cooldown(domain.ErrSourceFailed, time.Second))
	require.Equal(t, time.Second, domain.Cooldown(asks(0), time.Second))
	require.Equal(t, 30*time.Second, domain.Cooldown(fmt.Errorf("wrapped: %w", asks(30*time.Second)), time.Second))
	require.Equal(t, 30*time.Second, domain.Cooldown(asks(30*time.Second), 0))
	require.Equal(t, time.Minute, domain.Cooldown(asks(time.Hour), time.Second))
	require.Equal(t, 2*time.Minute, domain.Cooldown(asks(time.Hour), 2*time.Minute))
}

func TestTheStatusOfTheSourceIsFoundInItsError(t *testing.T) {
	require.Equal(t, 410, domain.SourceStatus(fmt.Errorf("wrapped: %w", &domain.SourceError{Status: 410, Err: domain.ErrNotFound})))
	require.Zero(t, domain.SourceStatus(domain.ErrNotFound))
	require.Zero(t, domain.SourceStatus(nil))
}
