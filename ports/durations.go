package ports

import "time"

// Bounds are the durations between which Durations tells apart: from a hit in
// memory to the end of all patience.
var Bounds = [...]time.Duration{
	10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Durations is how long many things of a kind took: a histogram.
type Durations struct {
	// Counts has how many took no longer than the bound at the same place, and
	// longer than the one before; its last is for those beyond all bounds.
	Counts [len(Bounds) + 1]uint64
	Sum    time.Duration
}

// Total returns how many things there were.
func (d Durations) Total() (n uint64) {
	for _, count := range d.Counts {
		n += count
	}
	return n
}

// RouteDurations is how long the answers of one kind took.
type RouteDurations struct {
	Route  string // the pattern of the path
	Status int
	Durations
}
