//go:build !race

package app_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheLimitConvergesToWhatTheSourceCanDo(t *testing.T) {
	for _, capacity := range []int{1, 5, 20, 60} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := runLimited(t, &server{capacity: capacity, takes: 200 * time.Millisecond}, 150)
				l.during(20 * time.Second)
				share, least, greatest := l.during(30 * time.Second)
				t.Logf("share %.3f limit %d to %d slowest %v", share, least, greatest, time.Duration(l.slow.Load()))
				require.GreaterOrEqual(t, share, 0.93)
				require.LessOrEqual(t, greatest, 2*capacity+8)
				require.Zero(t, l.failed.Load())
			})
		})
	}
}

// The limit is a sequence of guesses, which depend on what comes first at each moment, so
// it is judged over several runs.
func TestTheLimitFollowsTheCapacityOfTheSource(t *testing.T) {
	var limits []int
	for range 4 {
		synctest.Test(t, func(t *testing.T) {
			s := &server{capacity: 40, takes: 200 * time.Millisecond}
			l := runLimited(t, s, 150)
			l.during(20 * time.Second)
			s.resize(4)
			l.during(20 * time.Second)
			share, _, _ := l.during(20 * time.Second)
			require.GreaterOrEqual(t, share, 0.93)
			limits = append(limits, l.limits(20*time.Second)...)
			s.resize(40)
			l.during(20 * time.Second)
			share, least, greatest := l.during(20 * time.Second)
			t.Logf("share %.3f limit %d to %d", share, least, greatest)
			require.GreaterOrEqual(t, share, 0.93)
			require.Zero(t, l.failed.Load())
		})
	}
	slices.Sort(limits)
	t.Logf("median %d, p95 %d, greatest %d", limits[len(limits)/2], limits[len(limits)*95/100], limits[len(limits)-1])
	require.LessOrEqual(t, limits[len(limits)/2], 12)
	require.LessOrEqual(t, limits[len(limits)*95/100], 16)
}

func TestASourceThatIsSlowerForGoodWhileItIsMeasuredIsNotCalledLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		least, share, _ := changedWhileMeasured(t, 100, func(s *server) { s.slowDown(480 * time.Millisecond) })
		require.GreaterOrEqual(t, least, 25, "some halvings, until two agree")
		require.GreaterOrEqual(t, share, 0.93)
	})
}
