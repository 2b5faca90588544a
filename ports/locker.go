package ports

import (
	"context"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Lease is the random token that proves a lease. The zero Lease proves nothing.
type Lease string

// Locker hands out leases: the right, among all instances and for a limited
// time (the lock's TTL), to load one key. A lease saves work and fences writes.
// No answer depends on it, so whoever cannot get one may load without.
//
// Each exchange with the locker's server ends within a budget of the locker's
// own; only Acquire waits longer, for a holder.
type Locker interface {
	// Acquire takes the lease of key if nobody has it. While another holder
	// has it, Acquire waits until that lease ends, or ctx. It returns
	//   - the lease, now the caller's: it must be ended by a Fill or a Release;
	//   - domain.ErrLeaseEnded: another's lease ended; look again;
	//   - a load failure (domain.IsLoadFailure): a load of key failed in that
	//     way and its cool-down is not over;
	//   - the error of ctx, when that ended first;
	//   - any other error: the locker cannot be used now.
	Acquire(ctx context.Context, key domain.Key) (Lease, error)

	// Renew gives the lease its full TTL again. The error wraps
	// domain.ErrLeaseLost when it no longer stands.
	Renew(ctx context.Context, key domain.Key, lease Lease) error

	// Awaited reports whether an instance waits for the end of the lease of key.
	// It may be wrong about one that has just begun to wait or has left.
	Awaited(ctx context.Context, key domain.Key) (bool, error)

	// State returns who has the lease of key and whether its last load failed. It
	// changes nothing. What cannot be found out is its Err.
	State(ctx context.Context, key domain.Key) domain.LeaseState

	// Release ends the lease and wakes those who wait for it. With a failure,
	// Acquire returns one of the same kind (domain.FailureKind) to everybody for
	// the cool-down (domain.Cooldown). With domain.ErrWithdrawn, what L2Store has
	// for key is removed, too, and the other instances are told (Bus). The error
	// wraps domain.ErrLeaseLost when the lease no longer stands. Release works
	// although ctx is done, so that a lease can be given back at the end.
	Release(ctx context.Context, key domain.Key, lease Lease, failure error) error
}
