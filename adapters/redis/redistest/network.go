package redistest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Network is how a Proxy treats what passes. The zero Network is loopback.
type Network struct {
	// RTT is the round-trip time that it adds, half of it in each direction.
	RTT time.Duration
	// Jitter is up to which fraction of itself each half is longer or shorter.
	// What is sent on a connection stays in order all the same.
	Jitter float64
	// Bandwidth is in bytes per second, for each direction of each connection.
	// Zero is no bound.
	Bandwidth int
	// Seed begins the random numbers of the jitter.
	Seed uint64
}

// weather is a Network with its random numbers. It is safe for concurrent use.
type weather struct {
	mu     sync.Mutex
	is     Network
	random *rand.Rand
}

func (w *weather) become(n Network) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.is, w.random = n, rand.New(rand.NewPCG(n.Seed, 0))
}

// delay returns how long what is sent now takes to arrive.
func (w *weather) delay() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	half := float64(w.is.RTT) / 2
	if half == 0 {
		return 0
	}
	return time.Duration(half * (1 + w.is.Jitter*(2*w.random.Float64()-1)))
}

// pace returns how many bytes may pass before a pause, and how long that is.
func (w *weather) pace() (bytes int, pause time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.is.Bandwidth == 0 {
		return 64 << 10, 0
	}
	const each = 5 * time.Millisecond
	return max(1, int(float64(w.is.Bandwidth)*each.Seconds())), each
}
