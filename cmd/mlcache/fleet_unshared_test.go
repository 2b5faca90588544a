package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

var (
	reload              = []string{"Cache-Control", "no-cache"}
	noStore             = []string{"Cache-Control", "no-store"}
	noStoreWithoutToken = append([]string{"Authorization", ""}, noStore...)
)

// unshared are loads that leave nothing in Redis, with the flags of rememberNothing.
var unshared = map[string]struct {
	how     func(o *cachetest.Origin, w http.ResponseWriter, r *http.Request)
	headers []string
	status  int
}{
	"no-store without a token":      {headers: noStoreWithoutToken, status: http.StatusOK},
	"no such key, not remembered":   {how: cachetest.NotFound, status: http.StatusNotFound},
	"a failure without a cool-down": {how: cachetest.Fail, status: http.StatusBadGateway},
}

// keyFor returns a key for a case that has this name.
func keyFor(name string) string { return strings.ReplaceAll(name, " ", "-") }

// rememberNothing are the flags with which neither a failure nor the knowledge that a
// key does not exist is kept.
var rememberNothing = []string{"--negative-ttl=0", "--failure-cooldown=0"}

func TestFleetSharesALoadThatLeavesNothingInRedis(t *testing.T) {
	t.Parallel()
	// However late a request comes, the load that is under way is recent enough for it.
	f, _ := startFarFleet(t, farAway, 6, append(rememberNothing, "--reload-interval=1h")...)
	for name, c := range unshared {
		key := keyFor(name)
		release := f.origin.Hold(key, cachetest.Plan{How: c.how})
		requireAll(t, f.askWhileLoading(key, release, c.headers), c.status)
		require.Equal(t, 1, f.origin.Called(key), key)
	}
}

func TestFleetLoadsWhatIsNotStoredSideBySide(t *testing.T) {
	t.Parallel()
	f, _ := startFarFleet(t, farAway, 6)
	release := f.origin.Hold("k", cachetest.Plan{})
	requireAll(t, f.askWhileLoading("k", release, noStore), http.StatusOK)
	require.Equal(t, 6, f.origin.Called("k"), "each may ask for a load of its own")
	require.Zero(t, f.origin.CalledAfterwards("k"), "nobody waits for another")
}

// askWhileLoading asks each instance for key and calls release when all of them load it
// or wait for one that does.
func (f *fleet) askWhileLoading(key string, release func(), headers []string) []reply {
	f.t.Helper()
	replies := make(chan []reply, 1)
	go func() { replies <- f.ask(len(f.members), key, headers...) }()
	eventually(f.t, "each instance loads or waits", func() bool {
		return f.origin.Called(key)+f.awaiting(key) == len(f.members)
	})
	release()
	return <-replies
}

// awaiting returns how many instances wait for the lease of key, or for their turn.
func (f *fleet) awaiting(key string) (n int) {
	f.t.Helper()
	for _, lease := range []string{key, "\x1fturn\x1f" + key} {
		count, err := strconv.Atoi(f.redis.Command("SCARD", "mlc:{"+lease+"}:waiters"))
		require.NoError(f.t, err)
		n += count
	}
	return n
}

// What is stored no more leaves no old copy that could be served when the source fails.
func TestFleetKeepsNoOldCopyOfWhatIsNotStored(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(f *fleet){
		"a PUT with max-age=0": func(f *fleet) {
			f.members[0].put("k", cachetest.ValueOf("k", 2), "Cache-Control", "max-age=0")
			f.awaitInvalidated(0)
		},
		"a load of a key that is gone": func(f *fleet) {
			f.origin.Answer("k", cachetest.Plan{How: cachetest.NotFound})
			require.Equal(f.t, http.StatusNotFound, f.members[0].ask("k", reload...).status)
			f.awaitInvalidated(0)
		},
		"loads of such a key on all instances at once": func(f *fleet) {
			f.origin.Answer("k", cachetest.Plan{How: cachetest.NotFound})
			// An instance that is told drops its copy before, whichever loaded.
			requireAll(f.t, f.ask(6, "k", reload...), http.StatusNotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := startFarFleet(t, farAway, 3, append(rememberNothing, "--l2-stale=10m")...)
			f.origin.Change("k", 1)
			f.requireEachAnswers("k", http.StatusOK)
			require.True(t, f.allHold("k", 1))
			replace(f)
			f.origin.Answer("k", cachetest.Plan{How: cachetest.Fail})
			for range 2 {
				f.requireEachAnswers("k", http.StatusBadGateway)
			}
			require.Empty(t, f.stored("k"))
		})
	}
}
