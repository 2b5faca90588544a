package embedded

import (
	"context"
	"errors"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Locker = (*Layer)(nil)

// Acquire asks for the lease of key.
func (l *Layer) Acquire(ctx context.Context, key domain.Key) (ports.Lease, error) {
	if err := ctx.Err(); err != nil {
		return ports.Lease{}, err
	}
	return l.leases.take(key)
}

// Await waits for the end of the lease of key.
func (l *Layer) Await(ctx context.Context, key domain.Key) (ports.Ending, error) {
	if err := ctx.Err(); err != nil {
		return ports.Ending{}, err
	}
	return l.leases.await(ctx, key)
}

// Renew gives the lease its full TTL again.
func (l *Layer) Renew(_ context.Context, key domain.Key, lease ports.Lease) error {
	return l.leases.renew(key, lease.Token)
}

// Awaited reports whether an Await waits for the lease of key.
func (l *Layer) Awaited(_ context.Context, key domain.Key) (bool, error) {
	return l.leases.awaited(key), nil
}

// State tells what is known of the lease of key. Whoever holds it is in this
// process.
func (l *Layer) State(ctx context.Context, key domain.Key) domain.LeaseState {
	state := l.leases.state(key)
	state.Floor, state.Err = l.floor(ctx, key)
	return state
}

// Release ends the lease. A withdrawal removes what is stored first.
func (l *Layer) Release(ctx context.Context, key domain.Key, lease ports.Lease, e ports.Ending) error {
	if !errors.Is(e.Failure, domain.ErrWithdrawn) {
		return l.leases.release(key, lease.Token, e)
	}
	held, err := l.leases.beginFill(key, lease.Token, false)
	if err != nil {
		return err
	}
	defer l.leases.endWrite(key, held, true, e)
	return l.write(context.WithoutCancel(ctx), key, domain.NewMissing(0, 0))
}
