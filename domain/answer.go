package domain

// Outcome says how a request was answered. Every request has exactly one.
type Outcome uint8

// The outcomes of a request.
const (
	L1Hit     Outcome = iota // from this process's memory
	L2Hit                    // from the shared layer
	Loaded                   // from the source, by a load that this request began
	Coalesced                // from the source, by a load that another request began
	Stale                    // with a value past its life, because the load failed or goes on behind
	Failed                   // with an error
	Abandoned                // not at all: the caller left before the answer came

	// Outcomes is how many there are.
	Outcomes = iota
)

// Answer is what a request gets.
type Answer struct {
	Copy
	Outcome Outcome
	// Stored says of a value that was loaded for this answer that a layer
	// keeps it.
	Stored bool
}
