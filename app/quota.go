package app

import (
	"sync"
)

// quota is a semaphore whose size changes. It is made for its largest size.
type quota struct {
	slots

	mu   sync.Mutex
	out  int // slots that are out of use: taken by nobody's work
	owed int // slots that go out of use when they are free
}

func newQuota(largest int) *quota { return &quota{slots: make(slots, largest)} }

// free gives a slot back.
func (q *quota) free() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.owed > 0 {
		q.owed--
		q.out++
		return
	}
	q.slots.free()
}

// resize changes the size to n, or to 1 or the largest. Those that have a slot keep it.
func (q *quota) resize(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	want := cap(q.slots) - min(max(1, n), cap(q.slots))
	for q.out+q.owed < want {
		if q.tryTake() {
			q.out++
		} else {
			q.owed++
		}
	}
	for q.out+q.owed > want {
		if q.owed > 0 {
			q.owed--
		} else {
			q.out--
			q.slots.free()
		}
	}
}

// size returns how many may have a slot at once.
func (q *quota) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return cap(q.slots) - q.out - q.owed
}

// taken returns how many slots are in use.
func (q *quota) taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.slots) - q.out
}

// full reports whether there is no slot to take.
func (q *quota) full() bool { return len(q.slots) == cap(q.slots) }
