package ports

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Purger keeps the record of purges, which all instances share. Each of its methods
// ends within a budget of its own, or earlier with ctx; every error is a failure of the
// shared layer.
type Purger interface {
	// Purge records p under the next number, tells the other instances (Bus), and
	// returns what Purges returns, p included. After an error p may be recorded or not.
	// A purge of tags may be forgotten after the time given, and earlier when there are
	// too many: that raises Floor. Those of routes (domain.RouteTag) are not forgotten.
	Purge(ctx context.Context, p domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error)

	// Purges returns what is recorded, of tags only what is newer than known. If what
	// was known has been lost, everything counts as purged from then on.
	Purges(ctx context.Context, known domain.Mark) (domain.Purges, error)
}
