package mlcache

import (
	"context"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Explanation is what a cache knows of a key at one moment, and what it would do.
type Explanation struct {
	// Next is what the next Get comes to: l1-hit, l2-hit, stale, join (the load in
	// flight here), wait (for the load of another instance), load, or cools-down (the
	// last load failed, and is not repeated yet).
	Next string
	L1   Held // memory
	L2   Held // the second layer

	Waiting int  // Gets that wait for a load here
	Loading bool // an instance has the right to load the key
	Here    bool // it is this one

	Failure error         // of the last load, nil if there was none
	RetryIn time.Duration // how long the key is not loaded because of it
}

// Held is what a layer holds for a key.
type Held struct {
	State   string        // fresh, stale, none, or unknown when the layer does not answer
	Missing bool          // it is that there is no such key
	Age     time.Duration // since it was loaded
	TTL     time.Duration // until it expires; below 0: since then
	Bytes   int           // of the encoded value
	Tags    []string
	Version uint64
}

// Explain tells what is known of key. It loads nothing and changes nothing. The error
// wraps ErrInvalidKey or ErrClosed.
func (c *core) Explain(ctx context.Context, key string) (Explanation, error) {
	k, err := c.key(key)
	if err != nil {
		return Explanation{}, c.failed(key, err)
	}
	x := c.service.Explain(ctx, k)
	return Explanation{
		Next: string(x.Next), L1: held(x.L1), L2: held(x.L2), Waiting: x.Call.Waiters,
		Loading: x.Lease.Held, Here: x.Lease.Here, Failure: x.Failure, RetryIn: x.FailureRemaining,
	}, nil
}

func held(h domain.Held) Held {
	switch {
	case h.Err != nil:
		return Held{State: "unknown"}
	case h.Entry == nil:
		return Held{State: "none"}
	}
	shown := Held{
		State: "stale", Missing: h.Entry.Missing(), Age: h.Age(), TTL: h.Remaining,
		Bytes: len(h.Entry.Body()), Tags: append([]string(nil), h.Entry.Tags()...), Version: h.Entry.Version(),
	}
	if h.Fresh() {
		shown.State = "fresh"
	}
	return shown
}
