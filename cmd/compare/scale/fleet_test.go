package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var small = demand{rate: 3_000, keys: 20_000, exponent: 1.01, ttl: 20 * time.Second, seed: 1}

// expected is what arithmetic says if all layers have room for everything. A key
// that is asked for at random a times in a life is loaded once in every 1 + 1/a
// lives. In each of its lives the instance that loaded it reads L2 once, and each
// other one if it is asked at all.
func expected(d demand, instances int) (reads, loads float64) {
	n, ttl := float64(instances), d.ttl.Seconds()
	for _, share := range shares(d.keys, d.exponent) {
		asked := share * float64(d.rate) * ttl
		each := asked / (1 + asked) / ttl
		loads += each
		reads += each * (1 + (n-1)*(1-math.Exp(-asked/n)))
	}
	return reads, loads
}

func TestWhenEverythingFitsReadsAndLoadsAreWhatArithmeticSays(t *testing.T) {
	traffic := small.traffic()
	for _, n := range []int{1, 2, 7, 50} {
		o := fleet{n, noBound, noBound}.serve(traffic)
		reads, loads := expected(small, n)
		assert.InEpsilon(t, float64(small.rate), o.requests, 0.01)
		assert.InEpsilon(t, loads, o.loads, 0.01, "%d instances", n)
		assert.InEpsilon(t, reads, o.reads, 0.015, "%d instances", n)
		assert.InDelta(t, o.requests, o.l1Hits+o.reads, 1e-6, "each request is one of them")
	}
}

func TestAnInstanceAloneReadsL2OnlyToLoad(t *testing.T) {
	o := fleet{1, noBound, noBound}.serve(small.traffic())
	// Some of what L2 held at the beginning is still read from there after the
	// warm-up, if L1 was not asked for it before; its life ended by then.
	assert.Equal(t, o.loads, o.reads)
	assert.Equal(t, o.reads+3*o.loads, o.calls())
}

func TestOneKeyIsLoadedOnceInALife(t *testing.T) {
	d := demand{rate: 1_000, keys: 1, exponent: 1, ttl: 10 * time.Second, seed: 3}
	o := fleet{1, 1, noBound}.serve(d.traffic())
	assert.InEpsilon(t, 0.1, o.loads, 0.02)
}

func TestMoreInstancesNeverLowerTheLoadOnRedis(t *testing.T) {
	traffic := small.traffic()
	for _, l1 := range []int{0, 10, 100, 1_000, noBound} {
		var before outcome
		for _, n := range []int{1, 2, 4, 8, 16, 64} { // each splits the instances before
			o := fleet{n, l1, noBound}.serve(traffic)
			// A bounded L1 need not do worse for being one of two, except for chance.
			assert.GreaterOrEqual(t, o.reads, before.reads*0.995, "%d instances with L1 of %d", n, l1)
			if l1 == noBound {
				assert.GreaterOrEqual(t, o.reads, before.reads)
			}
			before = o
		}
	}
}

func TestALargerL1NeverHitsLess(t *testing.T) {
	traffic := small.traffic()
	for _, n := range []int{1, 10} {
		before := -1.0
		for _, l1 := range []int{0, 1, 10, 100, 1_000, 10_000, noBound} {
			o := fleet{n, l1, noBound}.serve(traffic)
			assert.GreaterOrEqual(t, o.l1Hits, before, "%d instances with L1 of %d", n, l1)
			before = o.l1Hits
		}
	}
	assert.Zero(t, fleet{3, 0, noBound}.serve(traffic).l1Hits)
}

func TestTheSourceDoesNotSeeL1(t *testing.T) {
	traffic := small.traffic()
	want := fleet{1, 0, noBound}.serve(traffic).loads
	for _, f := range []fleet{{1, noBound, noBound}, {5, 100, noBound}, {40, noBound, noBound}} {
		assert.Equal(t, want, f.serve(traffic).loads)
	}
}

func TestAnL2WithLessRoomLoadsMore(t *testing.T) {
	traffic, before := small.traffic(), 0.0
	for _, l2 := range []int{noBound, 10_000, 3_000, 1_000, 100} {
		o := fleet{4, 100, l2}.serve(traffic)
		assert.GreaterOrEqual(t, o.loads, before, "L2 of %d", l2)
		before = o.loads
	}
	assert.Greater(t, before, 2*fleet{4, 100, noBound}.serve(traffic).loads)
}

func TestAPromotedCopyDoesNotOutliveItsL2Entry(t *testing.T) {
	s := fleet{instances: 2, l1: 10, l2: noBound}.open(nil)
	const key, ttl = 7, 30
	s.request(key, s.l1[0], 0, ttl)
	s.request(key, s.l1[1], 20, ttl)
	require.Equal(t, outcome{requests: 2, reads: 2, loads: 1}, s.outcome)
	deadline, ok := s.l1[1].get(key, 29)
	assert.True(t, ok)
	assert.Equal(t, 30.0, deadline, "what was left, not a whole life")
	s.request(key, s.l1[1], 30, ttl)
	assert.Equal(t, outcome{requests: 3, reads: 3, loads: 2}, s.outcome, "its life is over in both layers")
}

func TestEqualSeedsGiveEqualTraffic(t *testing.T) {
	assert.Equal(t, small.traffic(), small.traffic())
	other := small
	other.seed++
	assert.NotEqual(t, small.traffic().key, other.traffic().key)
}

func TestRequestsAreSpreadEvenlyAndLivesBeginInTheMiddle(t *testing.T) {
	traffic := small.traffic()
	asked := make([]int, 10)
	for _, whose := range traffic.whose {
		asked[whose%10]++
	}
	for _, n := range asked {
		assert.InEpsilon(t, len(traffic.key)/10, n, 0.03)
	}
	for i, b := range traffic.begun {
		assert.Less(t, b.deadline, small.ttl.Seconds())
		assert.True(t, i == 0 || b.deadline >= traffic.begun[i-1].deadline)
	}
	assert.InEpsilon(t, small.ttl.Seconds()/2, traffic.begun[len(traffic.begun)/2].deadline, 0.05)
}
