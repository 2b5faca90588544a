package ports

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Lease is the right, among all instances and for a limited time, to load one key.
// The zero Lease is none.
type Lease struct {
	Token string        // random, proves the lease
	TTL   time.Duration // how long the lease stands after an Acquire or a Renew
}

// Locker grants leases. A lease saves work and fences writes. No answer depends on
// it, so a caller that cannot get one may load without.
//
// Each exchange with the locker's server ends within a budget of the locker's own.
// Only Await waits for a holder.
type Locker interface {
	// Acquire asks once for the lease of key. It returns
	//   - the lease, now the caller's: it must be ended by a Fill or a Release;
	//   - domain.ErrLeaseHeld: another caller has it, see Await;
	//   - a load failure (domain.IsLoadFailure): a load of key failed in that
	//     way and its cool-down is not over;
	//   - the error of ctx, when that has ended;
	//   - any other error: the locker cannot be used now.
	Acquire(ctx context.Context, key domain.Key) (Lease, error)

	// Await waits until the lease of key is not held, and returns how it ended. It
	// never takes the lease, and returns at once when nobody has it. An Ending that
	// was missed is the zero Ending. The error is that of ctx, when that ended first;
	// any other says that the locker cannot be used now.
	Await(ctx context.Context, key domain.Key) (Ending, error)

	// Renew gives the lease its full TTL again. The error wraps
	// domain.ErrLeaseLost when it no longer stands.
	Renew(ctx context.Context, key domain.Key, lease Lease) error

	// Awaited reports whether an instance waits for the end of the lease of key.
	// It may be wrong about one that has just begun to wait or has left.
	Awaited(ctx context.Context, key domain.Key) (bool, error)

	// State returns who has the lease of key and whether its last load failed. It
	// changes nothing. What cannot be found out is its Err.
	State(ctx context.Context, key domain.Key) domain.LeaseState

	// Release ends the lease without a Fill. Callers that Await it receive the
	// ending; a Failure is also returned by Acquire until the Cooldown is over.
	// With domain.ErrWithdrawn, what L2Store has for key is removed, too, and the
	// other instances are told (Bus). The error wraps domain.ErrLeaseLost when the
	// lease no longer stands. Release works although ctx is done, so that a lease
	// can be released at the end.
	Release(ctx context.Context, key domain.Key, lease Lease, e Ending) error
}

// Ending is how a lease ended, as callers that waited for it learn. The zero Ending
// says nothing: L2 may have a value now.
type Ending struct {
	// Failure is why the load failed, or why none may begin now. Waiters receive its
	// kind (domain.FailureKind) alone, and not if there is an Entry.
	Failure error
	// Cooldown is how long the Failure is remembered; 0: only waiters receive it.
	Cooldown time.Duration
	// Entry is what was loaded, if L2 does not store it. Only waiters receive it.
	Entry *domain.Entry
	// Unshared takes the place of an Entry of more than LargeBytes: waiters have to
	// load it themselves.
	Unshared bool
	// Stored is what Fill stored in L2, with no more than its remaining TTL, if a waiter
	// receives that. It need not look there.
	Stored domain.Copy
}
