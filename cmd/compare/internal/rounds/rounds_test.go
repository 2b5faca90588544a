package rounds

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAllTakeTurnsInAnOrderOfEachRound(t *testing.T) {
	rows := []string{"a", "b", "c", "d", "e", "f", "g"}
	var orders [3][]string
	require.NoError(t, Run(3, rows, func(round int, row string) error {
		orders[round] = append(orders[round], row)
		return nil
	}))
	for _, order := range orders {
		assert.ElementsMatch(t, rows, order)
	}
	assert.False(t, slices.Equal(orders[0], orders[1]))
	assert.False(t, slices.Equal(orders[1], orders[2]))
}

func TestTheFirstFailureEndsAllRounds(t *testing.T) {
	did := 0
	err := Run(3, []int{1, 2}, func(int, int) error {
		did++
		return errors.New("no")
	})
	assert.EqualError(t, err, "no")
	assert.Equal(t, 1, did)
}

func TestTheMedianIsTheMiddleOrBetweenTheTwo(t *testing.T) {
	assert.Zero(t, Median(nil))
	assert.Equal(t, 3.0, Median([]float64{9, 1, 3}))
	unsorted := []float64{4, 1, 3, 2}
	assert.Equal(t, 2.5, Median(unsorted))
	assert.Equal(t, []float64{4, 1, 3, 2}, unsorted, "what it is told stays as it is")
}
