package redis

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the pause between tries, which doubles.
type backoff struct{ next time.Duration }

const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

func (b *backoff) pause(ctx context.Context) {
	b.next = min(max(firstPause, 2*b.next), longestPause)
	pause(ctx, jittered(b.next))
}

// jittered returns d, give or take a fifth, so that instances do not act in step.
func jittered(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
