package domain_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestACopyMeetsConstraintsOrNot(t *testing.T) {
	e := domain.NewEntry(domain.Value{Body: "v"}, 30*time.Second, 0)
	aged := func(age time.Duration) domain.Copy { return domain.Copy{Entry: e, Remaining: e.TTL() - age} }
	for _, c := range []struct {
		says string
		d    domain.Constraints
		c    domain.Copy
		want bool
	}{
		{"nothing said, fresh", domain.Constraints{}, aged(10 * time.Second), true},
		{"nothing said, at its end", domain.Constraints{}, aged(30 * time.Second), false},
		{"nothing there", domain.Constraints{}, domain.Copy{Remaining: time.Second}, false},
		{"nothing there, however stale", domain.Constraints{MaxStale: math.MaxInt64}, domain.Copy{}, false},
		{"only if cached", domain.Constraints{OnlyIfCached: true}, aged(10 * time.Second), true},
		{"no store", domain.Constraints{NoStore: true}, aged(10 * time.Second), true},
		{"no cache, just loaded", domain.Constraints{NoCache: true}, aged(0), false},
		{"as old as allowed", domain.Constraints{MaxAge: 10 * time.Second}, aged(10 * time.Second), true},
		{"too old", domain.Constraints{MaxAge: 10 * time.Second}, aged(10*time.Second + 1), false},
		{"as much life as asked for", domain.Constraints{MinFresh: 20 * time.Second}, aged(10 * time.Second), true},
		{"too little life", domain.Constraints{MinFresh: 20 * time.Second}, aged(10*time.Second + 1), false},
		{"stale by less than allowed", domain.Constraints{MaxStale: 5 * time.Second}, aged(35*time.Second - 1), true},
		{"stale by as much as allowed", domain.Constraints{MaxStale: 5 * time.Second}, aged(35 * time.Second), false},
		{"however stale", domain.Constraints{MaxStale: math.MaxInt64}, aged(time.Hour), true},
		{"stale, but too old", domain.Constraints{MaxStale: time.Hour, MaxAge: 32 * time.Second}, aged(33 * time.Second), false},
		{"stale, and young enough", domain.Constraints{MaxStale: time.Hour, MaxAge: 33 * time.Second}, aged(33 * time.Second), true},
		{"stale has no life left", domain.Constraints{MaxStale: time.Hour, MinFresh: time.Second}, aged(33 * time.Second), false},
		{"stale when the load fails is another matter", domain.Constraints{StaleIfError: time.Hour}, aged(33 * time.Second), false},
	} {
		require.Equal(t, c.want, c.d.Meets(c.c), c.says)
	}
}

func TestACopyWhoseLoadBeganLatelyMeetsWhatForcesALoad(t *testing.T) {
	e := domain.NewEntry(domain.Value{Body: "v"}, 30*time.Second, 2*time.Second)
	aged := func(age time.Duration) domain.Copy { return domain.Copy{Entry: e, Remaining: e.TTL() - age} }
	require.Equal(t, 5*time.Second, aged(3*time.Second).LoadAge())
	for _, d := range []domain.Constraints{{NoCache: true}, {MaxAge: time.Second}, {MinFresh: time.Hour}, {NoCache: true, NoStore: true}} {
		d.Within = 5 * time.Second
		require.True(t, d.Meets(aged(3*time.Second)), "%+v", d)
		require.False(t, d.Meets(aged(3*time.Second+1)), "%+v", d)
		require.False(t, d.Meets(domain.Copy{}), "%+v", d)
		d.OnlyIfCached = true
		require.False(t, d.Meets(aged(3*time.Second)), "it could not force one: %+v", d)
		d.OnlyIfCached, d.Within = false, time.Hour
		require.False(t, d.Meets(aged(31*time.Second)), "it has expired: %+v", d)
	}
}

func TestAnAnswerRemembersWhichCopiesDidNotDo(t *testing.T) {
	e := domain.NewEntry(domain.Value{Body: "v"}, 30*time.Second, 0)
	fresh, expired := domain.Copy{Entry: e, Remaining: 1}, domain.Copy{Entry: e}
	require.Equal(t, domain.Answer{}, domain.Answer{}.PassedOver(domain.Copy{}))
	require.Equal(t, domain.Answer{Refused: true}, domain.Answer{}.PassedOver(fresh).PassedOver(domain.Copy{}))
	require.Equal(t, domain.Answer{Expired: true}, domain.Answer{}.PassedOver(expired).PassedOver(domain.Copy{}))
	require.Equal(t, domain.Answer{Refused: true, Expired: true}, domain.Answer{}.PassedOver(expired).PassedOver(fresh))
}

func TestTheNameOfATurnIsThatOfNoOtherKey(t *testing.T) {
	key, err := domain.ParseKey("k")
	require.NoError(t, err)
	_, err = domain.ParseKey(key.Turn().String())
	require.ErrorIs(t, err, domain.ErrInvalidKey)
	require.NotEqual(t, key, key.Turn())
}

func TestTheNameInACacheIsThatOfNoOtherKey(t *testing.T) {
	names := make(map[string]bool)
	for _, cache := range []string{"a", "a:b", "turn"} {
		for _, name := range []string{"c", "b:c", "a:b:c"} {
			key, err := domain.ParseKey(name)
			require.NoError(t, err)
			for _, in := range []domain.Key{key.In(cache), key.Turn().In(cache)} {
				require.False(t, names[in.String()], "%q", in.String())
				names[in.String()] = true
				_, err = domain.ParseKey(in.String())
				require.ErrorIs(t, err, domain.ErrInvalidKey)
			}
		}
	}
}

func TestStrictConstraintsMayRefuseAFreshCopy(t *testing.T) {
	for _, d := range []domain.Constraints{{NoCache: true}, {MaxAge: 1}, {MinFresh: 1}} {
		require.True(t, d.Strict(), "%+v", d)
	}
	for _, d := range []domain.Constraints{{}, {NoStore: true}, {OnlyIfCached: true}, {MaxStale: 1}, {StaleIfError: 1}, {Wait: 1}} {
		require.False(t, d.Strict(), "%+v", d)
	}
}

func TestHowStaleACopyMayBeAfterAFailureIsWhatIsSaidOrUsual(t *testing.T) {
	const usual = time.Minute
	for _, c := range []struct {
		d    domain.Constraints
		want time.Duration
	}{
		{domain.Constraints{}, usual},
		{domain.Constraints{MaxStale: time.Hour, Wait: time.Second, NoStore: true, OnlyIfCached: true}, usual},
		{domain.Constraints{StaleIfError: time.Second}, time.Second},
		{domain.Constraints{StaleIfError: time.Hour}, time.Hour},
		{domain.Constraints{StaleIfError: -1}, 0},
		{domain.Constraints{StaleIfError: -time.Hour}, 0},
		{domain.Constraints{NoCache: true}, 0},
		{domain.Constraints{MaxAge: time.Second}, 0},
		{domain.Constraints{MinFresh: time.Second}, 0},
		{domain.Constraints{NoCache: true, StaleIfError: time.Second}, time.Second},
	} {
		require.Equal(t, c.want, c.d.StaleWindow(usual), "%+v", c.d)
	}
}

func TestTheChanceOfARefreshIsHowManyDrawsMakeItDue(t *testing.T) {
	e := domain.NewEntry(domain.Value{}, 30*time.Second, 2*time.Second)
	for _, left := range []time.Duration{0, time.Second, 4 * time.Second} {
		for _, beta := range []float64{0.5, 1, 3} {
			c := domain.Copy{Entry: e, Remaining: left}
			chance := c.RefreshChance(beta)
			require.InDelta(t, math.Exp(-left.Seconds()/(2*beta)), chance, 1e-9)
			// A draw exceeds x with a chance of e to the -x.
			least := -math.Log(chance)
			require.True(t, c.RefreshDue(beta, least+1e-6))
			require.False(t, c.RefreshDue(beta, least-1e-6))
		}
	}
	require.InDelta(t, 1, domain.Copy{Entry: e, Remaining: -time.Second}.RefreshChance(1), 0, "what is over is due")
	require.Zero(t, domain.Copy{Entry: e}.RefreshChance(0), "a beta of 0 is never")
	require.Zero(t, domain.Copy{}.RefreshChance(1), "there is no entry")
	quick := domain.NewEntry(domain.Value{}, 30*time.Second, 0)
	require.Zero(t, domain.Copy{Entry: quick}.RefreshChance(1), "what takes no time need not be loaded ahead")
}
