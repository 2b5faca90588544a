package redistest

import (
	"sync"
	"time"
)

// OneWay returns how long a message takes at the most.
func (n Network) OneWay() time.Duration {
	return time.Duration(float64(n.RTT) / 2 * (1 + n.Jitter))
}

// Late returns by how much messages of subscriptions were late, at the most, that were
// due but not delivered at some moment between from and to: this machine was busy, or
// an accident was in their way.
func (p *Proxy) Late(from, to time.Time) time.Duration { return p.late.most(from, to) }

// lateness is by how much messages were late, at the most, in each hundredth of a
// second. It is safe for concurrent use.
type lateness struct {
	mu sync.Mutex
	by map[int64]time.Duration
}

const hundredth = int64(10 * time.Millisecond)

func (l *lateness) note(due, delivered time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = make(map[int64]time.Duration)
	}
	for at := due.UnixNano() / hundredth; at <= delivered.UnixNano()/hundredth; at++ {
		l.by[at] = max(l.by[at], delivered.Sub(due))
	}
}

func (l *lateness) most(from, to time.Time) (late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := from.UnixNano() / hundredth; at <= to.UnixNano()/hundredth; at++ {
		late = max(late, l.by[at])
	}
	return late
}
