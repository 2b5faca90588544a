package ports

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Event is something worth counting that is not the outcome of a request.
type Event uint8

// The events.
const (
	SourceCalled         Event = iota // a call of the source began
	SourceFailed                      // a call of the source failed ("no such key" is no failure)
	L2Failed                          // a call of the second layer or of the locker failed
	L2Undecodable                     // the second layer held something that cannot be read
	LoadedUnleased                    // a load went on without a lease, because the locker failed
	LeaseWon                          // this instance got the lease of a key
	LeaseWaited                       // a call waited for a lease that another instance held
	LeaseLost                         // a loaded value was stored nowhere, because its lease was lost
	RefreshBegan                      // a value is reloaded in the background
	InvalidationReceived              // another instance replaced or deleted a key
	GapFound                          // invalidations may have been missed

	// Events is how many there are.
	Events = iota
)

// Recorder counts. Its methods neither block nor fail, and are called on the
// hot path: they must be cheap.
type Recorder interface {
	// Request counts one request, exactly once, by its outcome.
	Request(o domain.Outcome)
	// Event counts one event.
	Event(e Event)
	// SourceTook takes note of how long a call of the source lasted.
	SourceTook(d time.Duration)
}

// Counts is what a Recorder counted up to one moment.
type Counts struct {
	Requests   [domain.Outcomes]uint64 // by outcome
	Events     [Events]uint64          // by event
	SourceTook Durations               // calls of the source that have ended
	// Routes is what was counted for each named route. It is part of the above.
	Routes []RouteCounts
}

// Add adds the numbers of other.
func (c *Counts) Add(other Counts) {
	for i, n := range other.Requests {
		c.Requests[i] += n
	}
	for i, n := range other.Events {
		c.Events[i] += n
	}
	for i, n := range other.SourceTook.Counts {
		c.SourceTook.Counts[i] += n
	}
	c.SourceTook.Sum += other.SourceTook.Sum
}

// RouteCounts is what was counted for one route.
type RouteCounts struct {
	Name string
	Counts
}

// Activity is what a service does at one moment.
type Activity struct {
	SourceCalls int  // under way, those included that were given up but have not ended
	SourceSlots int  // how many there may be at once, now
	Overdue     int  // calls that are under way although they have to have ended
	Calls       int  // loads under way that requests wait for
	Refreshes   int  // loads under way in the background
	Waiting     int  // requests that wait for loads
	Subscribed  bool // whether all invalidations arrive
	Available   bool // whether the shared layer can be asked
	Failing     bool // whether the last load failed
	PurgedTags  int  // purges of tags that are remembered
	// Inspected is what comparisons of copies with the source found; nil if there are none.
	Inspected *Inspected
	// Changes is how far the feed of changes is; nil if there is none.
	Changes *ChangeActivity
	// Routes is what each named route does. Their sum is above.
	Routes []RouteActivity
}

// Inspected is what comparisons of copies with the source found.
type Inspected struct {
	Total        uint64 // copies that were compared
	Volatile     uint64 // of which the source answered differently each time
	Inconsistent []Inconsistent
	Finds        []Find // the last ones, newest last, each key once
}

// Find is a copy that was still held, and still differed from what the source had, so
// long after that was found.
type Find struct {
	Key   domain.Key
	After time.Duration
	At    time.Time
}

// Inconsistent is how many copies were still held, and still differed from what the
// source had, so long after that was found.
type Inconsistent struct {
	After time.Duration
	Total uint64
}

// ChangeActivity is how far a feed of changes is.
type ChangeActivity struct {
	Up     bool          // some instance follows it
	Leads  bool          // this one does
	Behind time.Duration // how far behind the feed was when this instance last led
	// Retained is how many bytes the database retains for the feed, if this instance leads.
	Retained int64
}

// RouteActivity is what a service does for one route.
type RouteActivity struct {
	Name string
	Activity
}
