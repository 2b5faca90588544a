package cachetest

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// T is what is needed of the test: a *testing.T, or what a program has in its place.
type T = redistest.T

// Eventually polls until holds does, and returns how long that took. It gives up, and
// fails the test, shortly before the deadline of t if it has one, else after a minute:
// a condition that is not about time must not fail because a machine is busy. The
// longer it waits the less it polls.
func Eventually(t T, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	end := began.Add(time.Minute)
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, set := d.Deadline(); set {
			end = began.Add(deadline.Sub(began) * 19 / 20)
		}
	}
	for pause := 2 * time.Millisecond; !holds(); pause = min(pause*3/2, 50*time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("it does not happen: %s", what)
			t.FailNow()
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}
