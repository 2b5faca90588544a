package domain

import "time"

// Explanation is what an instance knows of one key at one moment, and what it
// would do if it was asked for it.
type Explanation struct {
	Route string // its name; empty if there is only one
	L1    Held
	L2    Held
	Lease LeaseState
	Call  CallState
	// Failure is that of the last load, and FailureRemaining how long it is not tried
	// again because of it. Nil when nothing is remembered.
	Failure          error
	FailureRemaining time.Duration
	// Purges says which purges are known.
	Purges Mark
	// RefreshChance is how likely the next hit starts to reload the key before it
	// expires.
	RefreshChance float64
	Next          Step
}

// Held is what one layer holds for a key.
type Held struct {
	Copy
	Err error // why it is not known
}

// LeaseState is what a locker knows of one key.
type LeaseState struct {
	Held             bool
	Holder           string        // names the instance that has it
	Here             bool          // whether that is this one
	Remaining        time.Duration // until it runs out, unless it is renewed
	Failure          error         // of the last load, while its cool-down lasts
	FailureRemaining time.Duration
	Floor            uint64 // the lowest version that may be stored; 0: any
	Err              error  // why nothing is known
}

// CallState is the load of a key that is under way in this process.
type CallState struct {
	Under   bool // way
	Waiters int
	Since   time.Duration // how long ago it began
}

// Step is what a request comes to.
type Step string

// The steps.
const (
	StepL1Hit Step = "l1-hit"
	StepL2Hit Step = "l2-hit"
	StepStale Step = "stale"      // an expired value
	StepJoin  Step = "join"       // the load under way in this process
	StepWait  Step = "wait"       // for the load of another instance
	StepLoad  Step = "load"       // from the source
	StepNone  Step = "no-route"   // an error, since the key has no source
	StepFail  Step = "cools-down" // the last load failed, and is not tried again yet
)
