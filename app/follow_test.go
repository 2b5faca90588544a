package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// feed is a ports.ChangeFeed that says what the test sends.
type feed struct {
	changes chan ports.Change
	follows chan struct{} // one for each Follow that has begun
	applied chan error
	fail    chan error
	silent  atomic.Bool
}

func newFeed() *feed {
	return &feed{changes: make(chan ports.Change), follows: make(chan struct{}, 1000), applied: make(chan error, 100), fail: make(chan error)}
}

func (f *feed) Follow(ctx context.Context, apply func(context.Context, ports.Change) error) error {
	f.follows <- struct{}{}
	heartbeat := time.NewTicker(time.Second)
	defer heartbeat.Stop()
	for {
		var c ports.Change
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-f.fail:
			return err
		case c = <-f.changes:
		case <-heartbeat.C:
			if f.silent.Load() {
				continue
			}
		}
		err := apply(ctx, c)
		if c.All || len(c.Keys) > 0 {
			f.applied <- err
		}
		if err != nil {
			return err
		}
	}
}

func (f *feed) change(t *testing.T, c ports.Change) {
	t.Helper()
	f.changes <- c
	require.NoError(t, <-f.applied)
}

// followers are n instances on one layer with one route, "p:", whose source has a feed.
func followers(t *testing.T, n int, feed ports.ChangeFeed) (routers []*app.Router, load *fakeSource) {
	t.Helper()
	l2, err := embedded.Open(embedded.Options{LockTTL: lockTTL, MaxBytes: 1 << 20, MaxValueBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l2.Close()) })
	load = &fakeSource{load: slow}
	o := app.DefaultOptions()
	o.TTL, o.RefreshAhead, o.StaleIfError = time.Hour, 0, 0
	for range n {
		l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20})
		require.NoError(t, err)
		t.Cleanup(l1.Close)
		r, err := app.NewRouter(app.Ports{
			L1: l1, L2: l2, Locker: l2, Bus: newBus(), Purger: l2, Recorder: counters.New(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}, []app.Route{{Name: "products", Prefix: "p:", Source: load, Changes: feed, ChangeVersions: true, Recorder: counters.New(), Options: o}})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, r.Close(context.Background())) })
		routers = append(routers, r)
	}
	return routers, load
}

func get(t *testing.T, r *app.Router, key string) domain.Answer {
	t.Helper()
	got, err := r.GetWith(context.Background(), mustKey(t, key), domain.Constraints{})
	require.NoError(t, err)
	return got
}

func changes(r *app.Router) ports.ChangeActivity { return *r.Activity().Routes[0].Changes }

func TestAChangeInvalidatesItsKeysAndNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		routers, _ := followers(t, 1, f)
		<-f.follows
		f.change(t, ports.Change{All: true})
		get(t, routers[0], "p:1")
		get(t, routers[0], "p:2")
		f.change(t, ports.Change{Keys: []domain.Key{mustKey(t, "1")}, Behind: 3 * time.Second})
		require.Equal(t, ports.ChangeActivity{Up: true, Leads: true, Behind: 3 * time.Second}, changes(routers[0]))
		require.Equal(t, domain.Loaded, get(t, routers[0], "p:1").Outcome)
		require.Equal(t, domain.L1Hit, get(t, routers[0], "p:2").Outcome)
		f.change(t, ports.Change{All: true})
		require.Equal(t, domain.Loaded, get(t, routers[0], "p:2").Outcome)
	})
}

func TestTheVersionOfAChangeIsTheFloorOfItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		routers, load := followers(t, 1, f)
		load.load = versioned(1)
		<-f.follows
		f.change(t, ports.Change{Keys: []domain.Key{mustKey(t, "1")}, Version: 2})
		require.False(t, get(t, routers[0], "p:1").Stored)
	})
}

func TestOneInstanceFollowsAndTheNextOneTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		routers, _ := followers(t, 3, f)
		synctest.Wait()
		require.Len(t, f.follows, 1)
		leading := func() (leader int) {
			leader = -1
			for i, r := range routers {
				if changes(r).Leads {
					require.Equal(t, -1, leader, "two lead")
					leader = i
				}
			}
			return leader
		}
		time.Sleep(3 * time.Second)
		first := leading()
		for _, r := range routers {
			require.True(t, changes(r).Up)
		}
		require.NoError(t, routers[first].Close(context.Background()))
		synctest.Wait()
		require.Len(t, f.follows, 2)
		require.NotContains(t, []int{-1, first}, leading())
	})
}

func TestWhileTheFeedIsDownNoCopyIsFreshForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		routers, _ := followers(t, 2, f)
		<-f.follows
		time.Sleep(2 * time.Second)
		get(t, routers[0], "p:1")
		time.Sleep(time.Minute)
		require.Equal(t, domain.L1Hit, get(t, routers[0], "p:1").Outcome)
		down := make(chan struct{})
		defer func() {
			if t.Failed() {
				close(down)
			}
		}()
		go func() { // the feed fails as often as it is followed
			for {
				select {
				case f.fail <- errors.New("no such host"):
				case <-down:
					return
				}
			}
		}()
		time.Sleep(20 * time.Second)
		for _, r := range routers {
			require.False(t, changes(r).Up)
			require.NotEqual(t, domain.L1Hit, get(t, r, "p:1").Outcome)
		}
		require.Equal(t, domain.L1Hit, get(t, routers[0], "p:1").Outcome, "it was reloaded")
		time.Sleep(31 * time.Second)
		require.NotEqual(t, domain.L1Hit, get(t, routers[0], "p:1").Outcome)
		close(down)
		time.Sleep(5 * time.Second)
		for _, r := range routers {
			require.True(t, changes(r).Up)
		}
	})
}

// An instance that waits for a database that hangs leads all the same, one after the
// other.
func TestAFeedThatHangsIsDownOnAllInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		routers, _ := followers(t, 3, f)
		<-f.follows
		time.Sleep(3 * time.Second)
		for _, r := range routers {
			require.True(t, changes(r).Up)
			get(t, r, "p:1")
		}
		f.silent.Store(true)
		time.Sleep(20 * time.Second)
		for range 300 {
			time.Sleep(time.Second)
			for i, r := range routers {
				require.False(t, changes(r).Up, i)
			}
		}
		for _, r := range routers {
			require.Less(t, get(t, r, "p:1").Age(), 30*time.Second)
			require.Equal(t, domain.L1Hit, get(t, r, "p:1").Outcome, "also if L2 had it")
		}
		f.silent.Store(false)
		time.Sleep(5 * time.Second)
		for _, r := range routers {
			require.True(t, changes(r).Up)
		}
	})
}

func TestAFeedThatIsSilentIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		f.silent.Store(true)
		routers, _ := followers(t, 1, f)
		<-f.follows
		require.False(t, changes(routers[0]).Up)
		time.Sleep(30 * time.Second)
		require.NotEmpty(t, f.follows, "it is followed once more")
	})
}

func TestAFeedThatLagsLeavesNothingFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		routers, _ := followers(t, 1, f)
		<-f.follows
		f.change(t, ports.Change{All: true})
		get(t, routers[0], "p:1")
		f.change(t, ports.Change{Keys: []domain.Key{mustKey(t, "other")}, Behind: time.Minute})
		require.Equal(t, domain.Loaded, get(t, routers[0], "p:1").Outcome)
		f.change(t, ports.Change{Keys: []domain.Key{mustKey(t, "other")}, Behind: time.Minute})
		require.Equal(t, domain.L1Hit, get(t, routers[0], "p:1").Outcome, "not with each change")
	})
}

func TestAChangeThatRedisDoesNotTakeIsNotAcknowledged(t *testing.T) {
	for name, c := range map[string]ports.Change{"keys": {Keys: []domain.Key{mustKey(t, "1")}}, "all": {All: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFeed()
				l2, err := embedded.Open(embedded.Options{LockTTL: lockTTL, MaxBytes: 1 << 20, MaxValueBytes: 1 << 20})
				require.NoError(t, err)
				l1, err := lru.New(lru.Options{MaxEntries: 100, MaxBytes: 1 << 20})
				require.NoError(t, err)
				defer l1.Close()
				r, err := app.NewRouter(app.Ports{
					L1: l1, L2: l2, Locker: l2, Bus: newBus(), Purger: refusingPurger{}, Recorder: counters.New(), Logger: slog.New(slog.DiscardHandler),
				}, []app.Route{{Source: &fakeSource{load: slow}, Changes: f, Recorder: counters.New(), Options: app.DefaultOptions()}})
				require.NoError(t, err)
				<-f.follows
				require.NoError(t, l2.Close())
				f.changes <- c
				require.ErrorIs(t, <-f.applied, map[bool]error{true: domain.ErrL2Unavailable, false: domain.ErrClosed}[c.All])
				require.NoError(t, r.Close(context.Background()))
			})
		})
	}
}

type refusingPurger struct{ noPurges }

func (refusingPurger) Purge(context.Context, domain.Purge, domain.Mark, time.Duration) (domain.Purges, error) {
	return domain.Purges{}, fmt.Errorf("refused")
}
