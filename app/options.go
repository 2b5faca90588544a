package app

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Ports are the parts that a Service works with. All but Hot are required.
type Ports struct {
	L1       ports.L1Store
	L2       ports.L2Store
	Locker   ports.Locker
	Bus      ports.Bus
	Purger   ports.Purger
	Source   ports.Source
	Recorder ports.Recorder
	Logger   *slog.Logger
	// Hot is the list of the hottest keys of all instances, which a Router keeps; nil:
	// there is none.
	Hot ports.HotList
}

// Options are the numbers of a Service. DefaultOptions has usable ones.
type Options struct {
	TTL               time.Duration // of a value
	Freshness         Freshness     // what becomes of the TTL that the source says
	TTLJitter         float64       // up to this fraction of TTL is taken off, at random; in [0, 1)
	NegativeTTL       time.Duration // of the knowledge that a key does not exist; 0: not remembered
	StaleIfError      time.Duration // how long after it expired a copy may answer when the load fails
	StaleWhile        time.Duration // how long after it expired a copy answers at once while it is reloaded (RFC 5861, stale-while-revalidate)
	SoftTimeout       time.Duration // how long a request waits for a load if there is a stale copy that answers when that fails; 0: as long as for any other
	L1TTL             time.Duration // how long L1 answers with a copy before L2 has to confirm it; 0: for its whole TTL
	L2Stale           time.Duration // how long L2 keeps expired values for these two
	RefreshAhead      float64       // how eagerly values are reloaded before they expire, see domain.Copy.RefreshDue; 0: never
	FailureCooldown   time.Duration // how long a key whose load failed is not loaded again; the next time for twice as long, and so on up to 16 times that
	SourceTimeout     time.Duration // hard end of one source call
	SourceConcurrency int           // source calls in flight at once
	AdaptiveLimit     bool          // between 1 and that, by how long they take
	RequestTimeout    time.Duration // hard end of one request
	MaxValueBytes     int           // a larger value from the source is a failure
	MaxWaiters        int           // requests that wait for loads at once
	TTLWithoutChanges time.Duration // how old a value may be while the feed of changes is down, if there is one
	InspectPerSecond  float64       // how many hits a second are compared with the source; 0: none
	ReloadInterval    time.Duration // a load that nobody waits for any more is cancelled no sooner than this after it began
	// Random returns uniform numbers in [0, 1) and is safe for concurrent use. It
	// decides about refreshes ahead and TTL jitter. Nil is math/rand/v2.Float64.
	Random func() float64
}

// Freshness says what becomes of what a source says about the freshness of a value.
type Freshness uint8

// What becomes of it.
const (
	CapSource    Freshness = iota // its TTL counts up to the configured one; no-store is obeyed
	IgnoreSource                  // values have the configured TTL
	FollowSource                  // its TTL counts, also above the configured one; no-store is obeyed
)

// DefaultOptions returns the options that the service runs with when nothing
// else is said.
func DefaultOptions() Options {
	return Options{
		TTL:               30 * time.Second,
		NegativeTTL:       5 * time.Second,
		StaleIfError:      5 * time.Minute,
		RefreshAhead:      1,
		FailureCooldown:   time.Second,
		SourceTimeout:     5 * time.Second,
		SourceConcurrency: 256,
		RequestTimeout:    10 * time.Second,
		MaxValueBytes:     1 << 20,
		MaxWaiters:        100_000,
		TTLWithoutChanges: 30 * time.Second,
		ReloadInterval:    time.Second,
	}
}

// KeepStale is how long an L1Store has to keep expired entries.
func (o Options) KeepStale() time.Duration { return max(o.StaleIfError, o.StaleWhile) }

// remembered is how long an invalidation is remembered: a load that began before it has
// ended by then, and what that stored has expired.
func (o Options) remembered() time.Duration {
	ttl := o.TTL
	if o.Freshness == FollowSource {
		ttl = MaxTTL
	}
	return ttl + o.L2Stale + o.KeepStale() + o.SourceTimeout
}

func (o Options) validate() error {
	switch {
	case o.TTL < time.Millisecond:
		return fmt.Errorf("app: TTL %v is below 1ms", o.TTL)
	case o.TTLJitter < 0 || o.TTLJitter >= 1:
		return fmt.Errorf("app: TTLJitter %v is not in [0, 1)", o.TTLJitter)
	case min(o.NegativeTTL, o.StaleIfError, o.StaleWhile, o.SoftTimeout, o.L1TTL, o.L2Stale, o.FailureCooldown, o.TTLWithoutChanges, o.ReloadInterval) < 0 || min(o.RefreshAhead, o.InspectPerSecond) < 0:
		return errors.New("app: NegativeTTL, StaleIfError, StaleWhile, SoftTimeout, L1TTL, L2Stale, FailureCooldown, TTLWithoutChanges, ReloadInterval, RefreshAhead and InspectPerSecond must not be negative")
	case o.InspectPerSecond > 1000:
		return fmt.Errorf("app: InspectPerSecond %v is above 1000", o.InspectPerSecond)
	case o.SourceTimeout <= 0 || o.RequestTimeout <= 0:
		return errors.New("app: SourceTimeout and RequestTimeout must be positive")
	case o.SourceConcurrency < 1:
		return fmt.Errorf("app: SourceConcurrency %d is below 1", o.SourceConcurrency)
	case o.MaxValueBytes < 1 || o.MaxWaiters < 1:
		return fmt.Errorf("app: MaxValueBytes %d or MaxWaiters %d is below 1", o.MaxValueBytes, o.MaxWaiters)
	}
	return nil
}
