// Package rounds has those that are compared take turns, and finds what is in the
// middle of what they showed. It does not know what is measured.
package rounds

import (
	"math/rand/v2"
	"slices"
)

// Run measures each of rows once a round, one after the other, in an order that
// changes from round to round and is the same in each run: what changes on the
// machine changes for all of them. The first error ends it.
func Run[R any](rounds int, rows []R, measure func(round int, row R) error) error {
	for round := range rounds {
		for _, at := range rand.New(rand.NewPCG(uint64(round), 0)).Perm(len(rows)) {
			if err := measure(round, rows[at]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Median returns the middle one, or what is between the two in the middle. Of
// nothing it is 0.
func Median(all []float64) float64 {
	n := len(all)
	if n == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return (all[(n-1)/2] + all[n/2]) / 2
}
