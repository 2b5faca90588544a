package portstest

import (
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func failureContracts() []contract {
	return []contract{
		{says: "a failure is everybody's until the cool-down is over", check: failureIsShared},
		{says: "a failure by timeout stays a timeout", check: timeoutStays},
		{says: "a failure cools down its own key only", check: failureOwnKeyOnly},
		{says: "a failure does not remove what is stored", check: failureKeepsValue},
		{says: "neither a release without failure nor a fill leaves a cool-down", check: successIsFree},
		{says: "each kind of failure stays what it is", check: kindsStay},
		{says: "a withdrawal removes what is stored, and only under the lease", check: withdrawalRemoves},
		{says: "each failure cools down for as long as its ending says", check: cooldownsDiffer},
		{says: "a refused release leaves no cool-down", check: refusedReleaseHarmless},
	}
}

func failureIsShared(b *bench) {
	k := b.key("k")
	for _, failure := range []error{domain.ErrSourceFailed, errors.New("boom"), fmt.Errorf("wrapped: %w", domain.ErrSourceFailed)} {
		b.fail(b.A, k, failure)
		b.refused(k, domain.ErrSourceFailed)
		b.Advance(cooldown / 2)
		b.refused(k, domain.ErrSourceFailed)
		b.Advance(cooldown - cooldown/2)
		require.NoError(b, b.B.Locker.Release(b.soon(), k, b.win(b.B, k), ports.Ending{}))
	}
}

func timeoutStays(b *bench) {
	k := b.key("k")
	b.fail(b.A, k, fmt.Errorf("source: %w after %v", domain.ErrTimeout, time.Second))
	b.refused(k, domain.ErrTimeout)
	_, err := b.B.Locker.Acquire(b.soon(), k)
	require.NotErrorIs(b, err, domain.ErrSourceFailed)
	b.Advance(cooldown)
	b.fail(b.B, k, domain.ErrSourceFailed)
	_, err = b.A.Locker.Acquire(b.soon(), k)
	require.ErrorIs(b, err, domain.ErrSourceFailed)
	require.NotErrorIs(b, err, domain.ErrTimeout)
}

func failureOwnKeyOnly(b *bench) {
	b.fail(b.A, b.key("k"), domain.ErrSourceFailed)
	b.win(b.A, b.key("k2"))
	b.win(b.B, b.key("k3"))
	b.refused(b.key("k"), domain.ErrSourceFailed)
}

func failureKeepsValue(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("v"))
	b.fail(b.B, k, domain.ErrSourceFailed)
	b.holds(k, value("v"))
}

func successIsFree(b *bench) {
	k := b.key("k")
	for _, in := range []Instance{b.A, b.B} {
		require.NoError(b, in.Locker.Release(b.soon(), k, b.win(in, k), ports.Ending{}))
		b.fill(in, k, value("v"))
	}
	b.fail(b.A, k, domain.ErrSourceFailed)
	b.Advance(cooldown)
	b.fill(b.A, k, value("v"))
	b.win(b.B, k)
}

func refusedReleaseHarmless(b *bench) {
	k := b.key("k")
	forge := func() {
		b.Helper()
		require.ErrorIs(b, b.B.Locker.Release(b.soon(), k, ports.Lease{Token: "forged"}, failed()), domain.ErrLeaseLost)
	}
	forge()
	lease := b.win(b.A, k)
	waiting := b.await(k, 1, b.A, b.B)
	forge()
	waiting.wait(rest)
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	waiting.end(ports.Ending{})

	expired := b.win(b.A, k)
	b.Advance(b.LockTTL)
	require.ErrorIs(b, b.A.Locker.Release(b.soon(), k, expired, failed()), domain.ErrLeaseLost)
	b.win(b.B, k)
}

func kindsStay(b *bench) {
	k := b.key("k")
	kinds := []error{domain.ErrSourceFailed, domain.ErrTimeout, domain.ErrWithdrawn, domain.ErrSourceTooLarge}
	for _, failure := range kinds {
		b.fail(b.A, k, fmt.Errorf("wrapped: %w", failure))
		b.refused(k, failure)
		_, err := b.B.Locker.Acquire(b.soon(), k)
		require.Equal(b, domain.FailureKind(failure), domain.FailureKind(err))
		require.ErrorIs(b, b.state(b.B, k).Failure, failure)
		b.Advance(cooldown)
	}
}

func withdrawalRemoves(b *bench) {
	k, kept := b.key("k"), value("v").Kept(long)
	b.fill(b.A, k, kept)
	for _, failure := range []error{domain.ErrSourceFailed, domain.ErrTimeout, domain.ErrSourceTooLarge} {
		b.fail(b.B, k, failure)
		b.holds(k, kept)
		b.Advance(cooldown)
	}
	withdrawn := ports.Ending{Failure: domain.ErrWithdrawn, Cooldown: cooldown}
	voided := b.win(b.A, k)
	b.write(b.B, k, kept)
	require.ErrorIs(b, b.A.Locker.Release(b.soon(), k, voided, withdrawn), domain.ErrLeaseLost)
	b.holds(k, kept)

	b.release(k, withdrawn).end(ports.Ending{Failure: domain.ErrWithdrawn})
	b.lacks(k)
	b.refused(k, domain.ErrWithdrawn)
}

func cooldownsDiffer(b *bench) {
	k, longer, none := b.key("k"), b.key("longer"), b.key("none")
	for key, lasts := range map[domain.Key]time.Duration{k: cooldown, longer: 3 * cooldown, none: 0} {
		failed := ports.Ending{Failure: domain.ErrSourceFailed, Cooldown: lasts}
		require.NoError(b, b.A.Locker.Release(b.soon(), key, b.win(b.A, key), failed))
	}
	b.free(none)
	b.refused(k, domain.ErrSourceFailed)
	b.Advance(2 * cooldown)
	b.free(k)
	b.refused(longer, domain.ErrSourceFailed)
	b.Advance(cooldown)
	b.free(longer)
}

// failed is the ending of a load that failed.
func failed() ports.Ending { return ports.Ending{Failure: domain.ErrSourceFailed, Cooldown: cooldown} }
