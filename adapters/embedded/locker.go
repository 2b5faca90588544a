package embedded

import (
	"context"
	"errors"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Locker = (*Layer)(nil)

// Acquire takes the lease of key or waits for its holder.
func (l *Layer) Acquire(ctx context.Context, key domain.Key) (ports.Lease, error) {
	var holder *lease
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		token, next, patience, err := l.leases.take(key, holder)
		if next == nil {
			return token, err
		}
		holder = next
		if err := l.leases.wait(ctx, holder, patience); err != nil {
			return "", err
		}
	}
}

// Renew gives the lease its full TTL again.
func (l *Layer) Renew(_ context.Context, key domain.Key, lease ports.Lease) error {
	return l.leases.renew(key, lease)
}

// Awaited reports whether an Acquire waits for the lease of key.
func (l *Layer) Awaited(_ context.Context, key domain.Key) (bool, error) {
	return l.leases.awaited(key), nil
}

// State tells what is known of the lease of key. Whoever holds it is in this
// process.
func (l *Layer) State(_ context.Context, key domain.Key) domain.LeaseState {
	return l.leases.state(key)
}

// Release ends the lease, with the failure for those who wait and come later.
func (l *Layer) Release(ctx context.Context, key domain.Key, lease ports.Lease, failure error) error {
	if errors.Is(failure, domain.ErrWithdrawn) {
		return l.withdraw(context.WithoutCancel(ctx), key, lease, failure)
	}
	return l.leases.release(key, lease, failure)
}

// withdraw removes what is stored, and then ends the lease with the failure.
func (l *Layer) withdraw(ctx context.Context, key domain.Key, lease ports.Lease, failure error) error {
	held, err := l.leases.beginFill(key, lease)
	if err != nil {
		return err
	}
	defer l.leases.endWithdrawal(key, held, failure)
	return l.write(ctx, key, domain.NewMissing(0, 0))
}
