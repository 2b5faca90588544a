package domain

import "context"

// Outcome says how a request was answered. Every request has exactly one.
type Outcome uint8

// The outcomes of a request.
const (
	L1Hit     Outcome = iota // from this process's memory
	L2Hit                    // from the shared layer
	Loaded                   // from the source, by a load that this request began
	Coalesced                // from the source, by a load that another request began
	Stale                    // with an expired value, because the load failed or goes on in the background
	Failed                   // with an error
	Deferred                 // not yet: the load goes on, but the caller would not wait for it
	Abandoned                // not at all: the caller left before the answer came

	// Outcomes is how many there are.
	Outcomes = iota
)

// String returns the name of the outcome.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

var outcomeNames = [Outcomes]string{
	L1Hit: "l1_hit", L2Hit: "l2_hit", Loaded: "loaded", Coalesced: "coalesced",
	Stale: "stale", Failed: "failed", Deferred: "deferred", Abandoned: "abandoned",
}

// Result is what a request for one of many keys gets.
type Result struct {
	Answer
	Err error
}

// Answer is what a request gets.
type Answer struct {
	Copy
	Outcome Outcome
	// Stored says of a value that was loaded for this answer that a layer
	// keeps it.
	Stored bool
	// Refused says that a layer held a fresh copy that did not meet the constraints.
	Refused bool
	// SourceStatus is what the source answered when the entry was loaded for this
	// answer, an HTTP status; 0 when that is not known.
	SourceStatus int
	// Expired says that a layer held an expired copy.
	Expired bool
	// Failure is why the load failed that a stale copy answers for, if it did.
	Failure error
	// Load is the context of the request that began the load, for its values
	// (traces) alone; nil when nothing was loaded.
	Load context.Context
}

// PassedOver returns the answer as one for which c, if it is a copy at all, was
// held but did not do.
func (a Answer) PassedOver(c Copy) Answer {
	a.Refused = a.Refused || c.Fresh()
	a.Expired = a.Expired || c.Entry != nil && !c.Fresh()
	return a
}
