package cachetest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Histories of one key are written by hand, in milliseconds. Invalidations take 19 of
// them and a GET 1, the budget is 50.

func put(at, version, begun, ended int) Operation {
	return written(http.MethodPut, http.StatusNoContent, at, version, begun, ended)
}

func remove(at, version, begun, ended int) Operation {
	return written(http.MethodDelete, http.StatusNoContent, at, version, begun, ended)
}

func failedPut(at, version, begun, ended int) Operation {
	return written(http.MethodPut, http.StatusServiceUnavailable, at, version, begun, ended)
}

func failedRemove(at, version, begun, ended int) Operation {
	return written(http.MethodDelete, http.StatusServiceUnavailable, at, version, begun, ended)
}

func written(method string, status, at, version, begun, ended int) Operation {
	return Operation{Method: method, Status: status, At: at, Begun: ms(begun), Ended: ms(ended),
		Value: Value{Version: version, Put: method == http.MethodPut}, Origin: version}
}

// got is a GET that was answered with the value of a PUT, loaded one with the origin's.
func got(at, version, begun, ended int) Operation {
	return Operation{Method: http.MethodGet, Status: http.StatusOK, At: at, Begun: ms(begun), Ended: ms(ended), Value: Value{version, true}, Layer: "l1"}
}

func loaded(at, version, begun, ended int) Operation {
	o := got(at, version, begun, ended)
	o.Value.Put = false
	return o
}

func from(layer string, o Operation) Operation { o.Layer = layer; return o }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

type handwritten struct {
	operations []Operation
	outages    []Span
	failures   []Span
	vain       bool // L2 is asked in vain
}

func (w handwritten) violation() error {
	h := &History{Operations: map[string][]Operation{"k": w.operations}, Outages: w.outages, Failures: w.failures}
	return h.Violation(Promises{
		Budget: ms(50), Lifetime: ms(1000),
		Invalidated: func(int, time.Duration) time.Duration { return ms(19) },
		InVain:      func(Operation) bool { return w.vain },
	})
}

func operations(all ...Operation) handwritten { return handwritten{operations: all} }

func (w handwritten) outage(at, from, to int) handwritten {
	w.outages = append(w.outages, Span{at, ms(from), ms(to)})
	return w
}

func (w handwritten) inVain() handwritten {
	w.vain = true
	return w
}

func (w handwritten) failure(from, to int) handwritten {
	w.failures = append(w.failures, Span{Everywhere, ms(from), ms(to)})
	return w
}

func TestHistoriesThatKeepThePromisesPass(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]handwritten{
		"nothing": operations(),
		"memory has missed an invalidation, and asked L2 in vain": operations(
			loaded(0, 0, 0, 1), remove(1, 1, 100, 110), loaded(0, 0, 400, 450)).outage(0, 50, 300).inVain(),
		"nothing was written":                            operations(loaded(0, 0, 0, 1), loaded(1, 0, 100, 101)),
		"a PUT is read everywhere":                       operations(put(0, 1, 0, 5), got(0, 1, 6, 7), got(1, 1, 30, 31)),
		"the origin has it too":                          operations(put(0, 1, 0, 5), loaded(0, 1, 6, 7), got(0, 1, 8, 9)),
		"a DELETE makes it the origin's":                 operations(put(0, 1, 0, 5), remove(0, 2, 10, 15), loaded(0, 2, 16, 17), loaded(1, 2, 40, 41)),
		"a newer version is loaded before the DELETE":    operations(loaded(0, 2, 0, 1), remove(0, 2, 10, 15), loaded(0, 2, 16, 17)),
		"either during a write":                          operations(put(0, 1, 0, 1), put(1, 2, 10, 30), got(2, 2, 12, 14), got(0, 1, 15, 16)),
		"the other instance has not received it":         operations(put(0, 1, 0, 1), put(0, 2, 10, 15), got(1, 1, 34, 36)),
		"the other one is late and then is not":          operations(put(0, 1, 0, 1), put(0, 2, 10, 15), got(1, 1, 34, 36), got(1, 2, 37, 38)),
		"one instance goes back before it is told":       operations(put(0, 1, 0, 1), put(0, 2, 100, 105), got(1, 2, 104, 105), got(1, 1, 106, 107)),
		"a long GET gets what was there when it began":   operations(put(0, 1, 0, 1), got(0, 1, 2, 500), put(0, 2, 10, 15)),
		"two PUTs at once, the first last":               operations(put(0, 1, 0, 10), put(1, 2, 0, 10), got(0, 1, 40, 41), got(1, 1, 50, 51), got(2, 1, 60, 61)),
		"two PUTs at once, both seen":                    operations(put(0, 1, 0, 10), put(1, 2, 0, 10), got(2, 2, 5, 6), got(2, 1, 40, 41)),
		"a DELETE among PUTs":                            operations(put(0, 1, 0, 10), remove(1, 2, 0, 10), put(2, 3, 0, 10), got(0, 1, 40, 41)),
		"a failed PUT took effect":                       operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 20), got(1, 2, 100, 101), got(0, 2, 100, 101)),
		"a failed PUT took effect later":                 operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 20), got(1, 1, 40, 41), got(1, 2, 90, 91)),
		"a failed PUT did not":                           operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 20), got(1, 1, 100, 101), got(0, 1, 100, 101)),
		"a failed PUT overwrites within its deadline":    operations(failedPut(0, 1, 0, 55), put(1, 2, 5, 10), got(1, 1, 200, 201)),
		"a failed DELETE did or did not":                 operations(put(0, 1, 0, 1), failedRemove(0, 2, 10, 20), got(1, 1, 40, 41), loaded(1, 2, 90, 91)),
		"a PUT without an answer":                        operations(written(http.MethodPut, 0, 0, 1, 0, 30), put(1, 2, 60, 65), got(1, 1, 200, 201)),
		"its own write is under way":                     operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 90), got(1, 2, 15, 16), got(0, 1, 80, 81)),
		"old during an outage":                           operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(1, 1, 390, 391)).outage(1, 100, 400),
		"its invalidation was on its way at the outage":  operations(put(0, 1, 0, 1), put(0, 2, 90, 95), got(1, 1, 390, 391)).outage(1, 100, 400),
		"old during two outages":                         operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(1, 1, 390, 391)).outage(1, 300, 400).outage(Everywhere, 100, 310),
		"the invalidation comes with the outage's end":   operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(1, 1, 419, 420), got(1, 2, 421, 422)).outage(1, 100, 400),
		"L2 was asked during an outage, in time":         operations(put(0, 1, 0, 1), put(0, 2, 110, 115), from("l2", got(1, 1, 180, 181))).outage(1, 100, 400),
		"an expired value while the origin fails":        operations(put(0, 1, 0, 1), from("stale", got(0, 1, 5000, 5001))).failure(4000, 5500),
		"loads whose versions go back, without a write":  operations(loaded(0, 2, 0, 1), loaded(1, 1, 100, 101)),
		"versions skipped by writers at the same time":   operations(put(0, 2, 0, 10), put(1, 1, 0, 10), got(0, 1, 50, 51), loaded(0, 2, 60, 61), got(0, 1, 70, 71)),
		"a failed PUT seen by one that then goes on":     operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 20), got(1, 2, 40, 41), put(1, 3, 50, 55), got(0, 3, 80, 81)),
		"a failed PUT that a later read must not forbid": operations(failedPut(0, 1, 10, 20), got(1, 1, 40, 200), loaded(2, 1, 100, 101)),
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, h.violation()) })
	}
}

func TestHistoriesThatBreakAPromiseAreCaught(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]handwritten{
		"memory has missed an invalidation, and L2 was not asked twice": operations(
			loaded(0, 0, 0, 1), remove(1, 1, 100, 110), loaded(0, 0, 400, 450)).outage(0, 50, 300),
		"memory has missed an invalidation, and L2 answered": operations(
			loaded(0, 0, 0, 1), remove(1, 1, 100, 110), from("l2", loaded(0, 0, 400, 501))).outage(0, 50, 300).inVain(),
		"L2 asked in vain, without an outage":            operations(put(0, 1, 0, 1), put(0, 2, 10, 15), got(1, 1, 400, 401)).inVain(),
		"old on the same instance after a PUT":           operations(put(0, 1, 0, 1), put(0, 2, 10, 15), got(0, 1, 16, 17)),
		"old on the same instance after a DELETE":        operations(put(0, 1, 0, 1), remove(0, 2, 10, 15), got(0, 1, 16, 17)),
		"a load from before brings it back":              operations(remove(0, 2, 10, 15), loaded(0, 1, 16, 17)),
		"old on the same instance during an outage":      operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(0, 1, 116, 117)).outage(0, 100, 400),
		"old elsewhere too late":                         operations(put(0, 1, 0, 1), put(0, 2, 10, 15), got(1, 1, 36, 37)),
		"a load elsewhere brings it back":                operations(remove(0, 2, 10, 15), loaded(1, 1, 36, 37)),
		"seen on one and too late missed on another":     operations(put(0, 1, 0, 1), put(0, 2, 10, 200), got(1, 2, 14, 15), got(2, 1, 36, 37)),
		"a failed PUT takes effect after its deadline":   operations(failedPut(0, 1, 0, 50), put(1, 2, 51, 60), got(1, 1, 200, 201)),
		"a failed PUT, not seen, takes effect too late":  operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 20), from("l2", got(1, 1, 90, 91)), got(1, 2, 200, 201)),
		"a failed PUT takes effect twice":                operations(failedPut(0, 1, 0, 200), got(1, 1, 20, 21), put(1, 2, 50, 55), got(1, 2, 80, 81), got(1, 1, 100, 101)),
		"a failed DELETE takes effect after a PUT":       operations(failedRemove(0, 3, 0, 50), put(1, 4, 51, 60), loaded(1, 3, 200, 201)),
		"the sender stays behind its failed PUT":         operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 20), got(1, 2, 60, 61), got(0, 1, 100, 101)),
		"its own write is over":                          operations(put(0, 1, 0, 1), failedPut(0, 2, 10, 90), got(1, 2, 15, 16), got(0, 1, 91, 92)),
		"a PUT without an answer takes effect too late":  operations(written(http.MethodPut, 0, 0, 1, 0, 30), put(1, 2, 81, 85), got(1, 1, 200, 201)),
		"two PUTs at once, and instances that differ":    operations(put(0, 1, 0, 10), put(1, 2, 0, 10), got(0, 1, 40, 41), got(1, 2, 70, 71), got(0, 1, 100, 101)),
		"two PUTs at once, the lost one comes back":      operations(put(0, 1, 0, 10), put(1, 2, 0, 10), got(2, 1, 40, 41), got(2, 2, 70, 71), got(2, 1, 100, 101)),
		"what a DELETE at the time of a PUT replaced":    operations(put(0, 1, 0, 10), remove(1, 2, 0, 10), got(2, 1, 40, 41), loaded(2, 0, 70, 71)),
		"old after an outage":                            operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(1, 1, 421, 422)).outage(1, 100, 400),
		"older than the outage":                          operations(put(0, 1, 0, 1), put(0, 2, 10, 15), got(1, 1, 390, 391)).outage(1, 100, 400),
		"an outage elsewhere":                            operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(1, 1, 390, 391)).outage(2, 100, 400),
		"older than its TTL in an outage":                operations(put(0, 1, 0, 1), put(0, 2, 110, 115), got(1, 1, 1200, 1201)).outage(1, 100, 2000),
		"L2 answers what is old during an outage":        operations(put(0, 1, 0, 1), put(0, 2, 110, 115), from("l2", got(1, 1, 186, 187))).outage(1, 100, 400),
		"an expired value though the origin answers":     operations(put(0, 1, 0, 1), from("stale", got(0, 1, 5000, 5001))),
		"an expired value that was deleted here":         operations(put(0, 1, 0, 1), remove(0, 2, 10, 15), from("stale", got(0, 1, 50, 51))).failure(0, 100),
		"an expired value that was deleted elsewhere":    operations(put(0, 1, 0, 1), remove(0, 2, 10, 15), from("stale", got(1, 1, 50, 51))).failure(0, 100),
		"a value before it was written":                  operations(got(0, 1, 0, 1), put(0, 1, 10, 15)),
		"a value that nobody wrote":                      operations(put(0, 1, 0, 1), got(0, 7, 10, 15)),
		"something that is no value":                     operations(loaded(0, -1, 0, 1)),
		"a load of a version older than a lost writer's": operations(put(0, 1, 0, 1), remove(0, 3, 10, 20), put(1, 2, 10, 20), got(2, 2, 60, 61), loaded(2, 2, 70, 71)),
		"older than its own write that is under way":     operations(put(0, 1, 0, 1), put(1, 2, 5, 8), failedPut(0, 3, 40, 90), got(0, 1, 85, 86)),
		"two PUTs at once here, the lost one elsewhere":  operations(put(0, 1, 0, 10), put(0, 2, 5, 12), got(0, 2, 13, 14), got(1, 1, 40, 41)),
	} {
		t.Run(name, func(t *testing.T) {
			err := h.violation()
			require.Error(t, err)
			require.NotErrorIs(t, err, errUndecided)
		})
	}
}
