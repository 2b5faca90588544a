package hot

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// halfLife is after how long a request counts half.
	halfLife = time.Minute
	// period is how often counts decay.
	period = time.Second
	// samples is how many requests are counted in a period at most, or so.
	samples = 1000
)

// memoryOfRates is how long a constant rate would take to make up all counts.
var memoryOfRates = halfLife.Seconds() / math.Ln2

// Tracker estimates how often each key of a stream of requests occurs now. It counts a
// sample of them, all when they are few, and is safe for concurrent use.
type Tracker[K comparable] struct {
	mask atomic.Uint64 // requests whose draw has none of these bits are counted

	mu      sync.Mutex
	sketch  *Sketch[K]
	counted int       // in this period
	began   time.Time // this period
	span    float64   // seconds before it, as far as they still count
}

// NewTracker returns a Tracker of that many keys. It keeps what clone makes of them.
func NewTracker[K comparable](capacity int, clone func(K) K) *Tracker[K] {
	return &Tracker[K]{sketch: NewSketch(capacity, clone), began: time.Now()}
}

// Saw takes note of a request for key. The low bits of draw are random: they decide
// whether the request is counted. It does not wait: a request that is to be counted
// while another one is, is not.
func (t *Tracker[K]) Saw(key K, draw uint64) {
	if draw&t.mask.Load() == 0 {
		t.count(key)
	}
}

func (t *Tracker[K]) count(key K) {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	t.decayLocked(time.Now())
	mask := t.mask.Load()
	t.sketch.Add(key, float64(mask+1))
	if t.counted++; t.counted >= samples {
		t.mask.Store(mask<<1 | 1)
		t.counted /= 2
	}
}

// decayLocked ends the period if it is over.
func (t *Tracker[K]) decayLocked(now time.Time) {
	elapsed := now.Sub(t.began)
	if elapsed < period {
		return
	}
	factor := math.Exp2(-elapsed.Seconds() / halfLife.Seconds())
	t.sketch.Scale(factor)
	t.span = t.span*factor + memoryOfRates*(1-factor)
	if float64(t.counted)/elapsed.Seconds() < samples/4 {
		t.mask.Store(t.mask.Load() >> 1)
	}
	t.began, t.counted = now, 0
}

// Rate is how often a key occurs.
type Rate[K comparable] struct {
	Key       K
	PerSecond float64 // estimated
	// Error is by how much that may be too high, because another key had the counter
	// before, and by how much off, with 95 % confidence, because not all are counted.
	Error float64
}

// Top returns up to n keys, those that occur most often first.
func (t *Tracker[K]) Top(n int) []Rate[K] {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.decayLocked(now)
	seconds := max(t.span+now.Sub(t.began).Seconds(), period.Seconds())
	uncounted := float64(t.mask.Load())
	top := t.sketch.Top(n)
	rates := make([]Rate[K], 0, len(top))
	for _, c := range top {
		rates = append(rates, Rate[K]{c.Key, c.Count / seconds, (c.Over + 2*math.Sqrt(c.Count*uncounted)) / seconds})
	}
	return rates
}
