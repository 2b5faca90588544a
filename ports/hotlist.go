package ports

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// HotList is a list of the hottest keys of all instances, by which instances that start
// fill their memory. Each of its methods ends within a budget of its own, or earlier with
// ctx; every error is a failure of the shared layer.
//
// A rate on the list halves every HotHalfLife. A key whose rate has fallen below a
// thousandth, or that is not among the HotListed hottest, is dropped.
type HotList interface {
	// Publish adds keys that are hot on one instance. A key that is on the list stays
	// there with the higher rate.
	Publish(ctx context.Context, keys []domain.HotKey) error

	// Hottest returns up to n keys, the hottest first. Their Error is not known.
	Hottest(ctx context.Context, n int) ([]domain.HotKey, error)
}

const (
	// HotHalfLife is after how long a rate on a HotList counts half.
	HotHalfLife = time.Minute
	// HotListed is how many keys a HotList has at most.
	HotListed = 2000
	// HotPast is after how many half-lives a rate of 1 is forgotten.
	HotPast = 10
)
