package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// tagged loads a value with tags, after loadTime.
func tagged(names ...string) func(context.Context, int64) (domain.Value, error) {
	tags, err := domain.ParseTags(names)
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, n int64) (domain.Value, error) {
		v, err := slow(ctx, n)
		v.Tags = tags
		return v, err
	}
}

func (f *fleet) purge(t *testing.T, instance int, p domain.PurgeRequest) {
	t.Helper()
	require.NoError(t, f.services[instance].Purge(context.Background(), p))
}

func ofTags(names ...string) domain.PurgeRequest {
	return domain.PurgeRequest{Purge: domain.Purge{Tags: names}}
}

func TestAPurgeMakesAbsentWhatHasTheTagAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		purge  domain.PurgeRequest
		reload bool
	}{
		"one of its tags":  {ofTags("b"), true},
		"another tag":      {ofTags("c"), false},
		"everything":       {domain.PurgeRequest{Purge: domain.Purge{All: true}}, true},
		"its key":          {domain.PurgeRequest{Keys: []domain.Key{mustKey(t, "k")}}, true},
		"another key":      {domain.PurgeRequest{Keys: []domain.Key{mustKey(t, "other")}}, false},
		"another and tags": {domain.PurgeRequest{Keys: []domain.Key{mustKey(t, "other")}, Purge: domain.Purge{Tags: domain.Tags{"a"}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 1, tagged("a", "b"), never), mustKey(t, "k")
				f.get(t, 0, key)
				f.purge(t, 0, c.purge)
				got := f.get(t, 0, key)
				if !c.reload {
					require.Equal(t, domain.L1Hit, got.Outcome)
					return
				}
				require.Equal(t, domain.Loaded, got.Outcome)
				require.Equal(t, "value of call 2", got.Entry.Body())
				require.Equal(t, domain.L1Hit, f.get(t, 0, key).Outcome, "what is loaded after a purge is there")
			})
		})
	}
}

// Nothing marks what was loaded before the first purge of everything.
func TestAPurgeOfEverythingIsAlsoOfWhatHasNoTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		for n := range 3 {
			require.Equal(t, fmt.Sprintf("value of call %d", n+1), f.get(t, 0, key).Entry.Body())
			f.purge(t, 0, domain.PurgeRequest{Purge: domain.Purge{All: true}})
		}
	})
}

func TestALoadThatBeganBeforeAPurgeBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, tagged("a"), never), mustKey(t, "k")
		var all sync.WaitGroup
		all.Go(func() {
			got, err := f.services[0].Get(context.Background(), key)
			assert.NoError(t, err)
			assert.Equal(t, "value of call 1", got.Entry.Body(), "it came before the purge")
		})
		time.Sleep(loadTime / 2)
		f.purge(t, 0, ofTags("a"))
		got := f.get(t, 0, key) // joins the load, whose tags nobody knows yet
		require.Equal(t, "value of call 2", got.Entry.Body())
		all.Wait()
		require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body())
	})
}

func TestASoftPurgeLeavesStaleCopies(t *testing.T) {
	for name, p := range map[string]domain.PurgeRequest{
		"tag":        {Purge: domain.Purge{Tags: domain.Tags{"a"}, Soft: true}},
		"everything": {Purge: domain.Purge{All: true, Soft: true}},
		"key":        {Keys: []domain.Key{mustKey(t, "k")}, Purge: domain.Purge{Soft: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 1, tagged("a"), never, func(o *app.Options) { o.StaleWhile, o.L2Stale = 10*time.Second, 10*time.Second }), mustKey(t, "k")
				f.get(t, 0, key)
				f.purge(t, 0, p)
				time.Sleep(time.Second)
				got := f.get(t, 0, key)
				require.Equal(t, domain.Stale, got.Outcome)
				require.Equal(t, -time.Second, got.Remaining, "stale since the purge")
				require.Equal(t, "value of call 1", got.Entry.Body())
				f.settle(t)
				require.Equal(t, "value of call 2", f.get(t, 0, key).Entry.Body(), "it was reloaded meanwhile")
			})
		})
	}
}

func TestWhatWasPurgedSoftlyEndsAtTheEndOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, tagged("a"), never, func(o *app.Options) { o.TTL, o.StaleWhile, o.StaleIfError = time.Hour, 10*time.Second, 0 }), mustKey(t, "k")
		f.get(t, 0, key)
		f.purge(t, 0, domain.PurgeRequest{Purge: domain.Purge{Tags: domain.Tags{"a"}, Soft: true}})
		time.Sleep(11 * time.Second)
		require.Equal(t, domain.Loaded, f.get(t, 0, key).Outcome)
	})
}

// told has each instance receive what another one purges.
func (f *fleet) told(t *testing.T, from int, known domain.Mark) {
	t.Helper()
	learned, err := f.l2.Purges(context.Background(), known)
	require.NoError(t, err)
	for i, b := range f.buses {
		if i != from {
			b.Purged(learned)
		}
	}
}

func TestAnotherInstanceLearnsOfAPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, tagged("a"), never), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		f.purge(t, 0, ofTags("a"))
		require.Equal(t, domain.L1Hit, f.get(t, 1, key).Outcome, "it has not been told")
		f.told(t, 0, domain.Mark{})
		require.Equal(t, domain.Loaded, f.get(t, 1, key).Outcome)
		require.Equal(t, domain.L2Hit, f.get(t, 0, key).Outcome)
	})
}

func TestAPurgeThatWasMissedIsLearntBeforeL2IsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, tagged("a"), never), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		f.bus(1).connected.Store(false)
		f.purge(t, 0, ofTags("a"))
		require.Equal(t, domain.Loaded, f.get(t, 1, key).Outcome, "L2 has it as well, but the purge is known there")
		f.purge(t, 0, ofTags("a"))
		f.bus(1).reconnect()
		require.Equal(t, domain.Loaded, f.get(t, 1, key).Outcome)
		require.Equal(t, domain.L1Hit, f.get(t, 1, key).Outcome)
	})
}

func TestPurgesOfAnotherGenerationAreAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, tagged("a"), never), mustKey(t, "k")
		f.get(t, 0, key)
		require.Equal(t, domain.L1Hit, f.get(t, 0, key).Outcome)
		before := f.count(ports.GapFound)
		f.bus(0).Purged(domain.Purges{Mark: domain.Mark{Generation: 1, Number: 1}})
		require.Equal(t, before+1, f.count(ports.GapFound))
		require.Equal(t, domain.L2Hit, f.get(t, 0, key).Outcome, "L2 confirms it")
	})
}

func TestMoreTagsThanAreRememberedCountAsPurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, tagged("a"), never), mustKey(t, "k")
		other := mustKey(t, "other")
		f.get(t, 0, key)
		tags := make([]domain.TagPurge, 70_000)
		learned, err := f.l2.Purges(context.Background(), domain.Mark{})
		require.NoError(t, err)
		for i := range tags {
			learned.Number++
			tags[i] = domain.TagPurge{Tag: fmt.Sprint("tag-", i), Number: learned.Number}
		}
		learned.Tags = tags
		f.bus(0).Purged(learned)
		require.Less(t, f.services[0].Activity().PurgedTags, 40_000)
		require.Equal(t, domain.Loaded, f.get(t, 0, key).Outcome, "its tag may have been one of them")
		require.Equal(t, domain.Loaded, f.get(t, 0, other).Outcome)
		require.Equal(t, domain.L1Hit, f.get(t, 0, other).Outcome)
	})
}

// versioned loads the versions given, one after the other, and the last one again.
func versioned(versions ...uint64) func(context.Context, int64) (domain.Value, error) {
	return func(ctx context.Context, n int64) (domain.Value, error) {
		v, err := slow(ctx, n)
		v.Version = versions[min(int(n), len(versions))-1]
		return v, err
	}
}

func TestAnOutdatedVersionIsLoadedOnceMoreAndThenStoredNowhere(t *testing.T) {
	for name, c := range map[string]struct {
		versions []uint64
		calls    int64
		stored   bool
	}{
		"the second load is new enough": {[]uint64{1, 2}, 2, true},
		"so is neither":                 {[]uint64{1, 1, 1, 1}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, key := newFleet(t, 1, versioned(c.versions...), never), mustKey(t, "k")
				f.purge(t, 0, domain.PurgeRequest{Keys: []domain.Key{key}, Version: 2})
				got := f.get(t, 0, key)
				require.Equal(t, c.calls, f.source.calls.Load())
				require.Equal(t, c.stored, got.Stored)
				require.Equal(t, c.versions[1], got.Entry.Version())
				next := f.get(t, 0, key)
				require.Equal(t, c.stored, next.Outcome == domain.L1Hit)
			})
		})
	}
}

func TestAPutWithAnOutdatedVersionChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, slow, never), mustKey(t, "k")
		ctx := context.Background()
		require.NoError(t, f.services[0].Put(ctx, key, domain.Value{Body: "new", Version: 2}, -1))
		require.ErrorIs(t, f.services[0].Put(ctx, key, domain.Value{Body: "old", Version: 1}, -1), domain.ErrOutdated)
		require.Equal(t, "new", f.get(t, 0, key).Entry.Body())
		require.Zero(t, f.count(ports.L2Failed))
	})
}

func TestAReadAsksForItsOwnWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, versioned(1, 2, 2), never), mustKey(t, "k")
		require.EqualValues(t, 1, f.get(t, 0, key).Entry.Version())
		got, err := f.with(0, key, domain.Constraints{MinVersion: 1})
		require.NoError(t, err)
		require.Equal(t, domain.L1Hit, got.Outcome)
		got, err = f.with(0, key, domain.Constraints{MinVersion: 2})
		require.NoError(t, err)
		require.EqualValues(t, 2, got.Entry.Version())
		got, err = f.with(1, key, domain.Constraints{MinVersion: 2})
		require.NoError(t, err)
		require.Equal(t, domain.L2Hit, got.Outcome, "another instance has loaded it")
		got, err = f.with(0, key, domain.Constraints{MinVersion: 3})
		require.NoError(t, err)
		require.EqualValues(t, 2, got.Entry.Version(), "it is reloaded once")
		require.EqualValues(t, 3, f.source.calls.Load())
	})
}

func TestEveryPartOfAPurgeIsDoneAlthoughOneFails(t *testing.T) {
	w := newWorld(t)
	other := mustKey(t, "other")
	w.l2.EXPECT().Invalidate(mockAny, w.key, mockAny).Return(domain.ErrClosed).Once()
	w.l2.EXPECT().Invalidate(mockAny, other, mockAny).Return(nil).Once()
	w.l1.EXPECT().Delete(w.key).Return().Once()
	w.l1.EXPECT().Delete(other).Return().Once()
	err := w.svc.Purge(w.ctx, domain.PurgeRequest{Keys: []domain.Key{w.key, other}})
	require.ErrorIs(t, err, domain.ErrClosed)
}

func BenchmarkPurgedHit(b *testing.B) {
	for _, tags := range []int{0, 1, 3} {
		b.Run(fmt.Sprintf("tags=%d", tags), func(b *testing.B) {
			names := make([]string, tags)
			for i := range names {
				names[i] = strings.Repeat("t", i+1)
			}
			judge := app.Judge(names, 1000)
			b.ReportAllocs()
			for b.Loop() {
				judge()
			}
		})
	}
}

// forgetful is a ports.Purger that can lose its record.
type forgetful struct {
	ports.Purger
	lost, fails atomic.Bool
}

func (p *forgetful) Purge(ctx context.Context, one domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error) {
	if p.lost.Load() {
		return domain.Purges{Mark: domain.Mark{Generation: known.Generation + 1, Number: 2}}, nil
	}
	return p.Purger.Purge(ctx, one, known, remembered)
}

func (p *forgetful) Purges(ctx context.Context, known domain.Mark) (domain.Purges, error) {
	if p.fails.Load() {
		return domain.Purges{}, errors.New("refused")
	}
	if p.lost.Load() {
		return domain.Purges{Mark: domain.Mark{Generation: known.Generation + 1, Number: 1}}, nil
	}
	return p.Purger.Purges(ctx, known)
}

// What was loaded under a record that has been lost may have been purged.
func TestWhatWasLoadedUnderALostRecordIsAbsentIfItHasTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, tagged("a"), never), mustKey(t, "k")
		f.get(t, 0, key)
		f.bus(0).connected.Store(false)
		f.purger.lost.Store(true)
		f.bus(0).reconnect()
		require.Equal(t, domain.Loaded, f.get(t, 0, key).Outcome)
	})
}

func TestAWaiterThatReceivesWhatHasBeenPurgedLooksInL2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		newer := held("newer", 30*time.Second)
		w.l1.EXPECT().Get(w.key).Return(domain.Copy{}, false)
		w.l2.EXPECT().Get(mockAny, w.key).Return(domain.Copy{}, false, nil).Once()
		w.l2.EXPECT().Get(mockAny, w.key).Return(domain.Copy{Entry: newer.Entry.Marked(domain.Mark{Generation: 1, Number: 1}), Remaining: newer.Remaining}, true, nil).Once()
		w.locker.EXPECT().Acquire(mockAny, w.key).Return(ports.Lease{}, domain.ErrLeaseHeld).Once()
		w.locker.EXPECT().Await(mockAny, w.key).RunAndReturn(func(context.Context, domain.Key) (ports.Ending, error) {
			w.bus.Purged(domain.Purges{Mark: domain.Mark{Generation: 1, Number: 1}, All: 1})
			return ports.Ending{Stored: held("purged", 30*time.Second)}, nil
		}).Once()
		w.l1.EXPECT().Set(w.key, mockAny, epoch).Return(true).Once()
		got, err := w.get()
		require.NoError(t, err)
		require.Equal(t, "newer", got.Entry.Body())
	})
}

// L2 answers, but its record of purges cannot be read: as in a Cluster of which a part is
// down. What memory has is as good then as without L2, unless L2 has something else.
func TestWhenTheRecordOfPurgesIsUnknownL2DecidesAgainstMemory(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*fleet, domain.Key) error // in L2, which is not heard of
		outcome domain.Outcome
		next    domain.Step
		body    string
	}{
		"L2 has the same": {
			func(*fleet, domain.Key) error { return nil }, domain.L1Hit, domain.StepL1Hit, "value of call 1",
		},
		"L2 has nothing": {
			func(f *fleet, key domain.Key) error {
				return f.l2.Invalidate(context.Background(), key, domain.Invalidation{})
			}, domain.Loaded, domain.StepLoad, "value of call 2",
		},
		"L2 has another value": {
			func(f *fleet, key domain.Key) error {
				return f.l2.Put(context.Background(), key, domain.NewEntry(domain.Value{Body: "put", Tags: domain.Tags{"a"}}, time.Minute, 0))
			}, domain.Loaded, domain.StepLoad, "value of call 2",
		},
	} {
		for way, get := range map[string]func(*fleet, domain.Key) (domain.Answer, error){
			"one key": func(f *fleet, key domain.Key) (domain.Answer, error) {
				return f.services[0].Get(context.Background(), key)
			},
			"a batch": func(f *fleet, key domain.Key) (domain.Answer, error) {
				one := f.services[0].GetMany(context.Background(), []domain.Key{key}, nil)[0]
				return one.Answer, one.Err
			},
			"at most so stale": func(f *fleet, key domain.Key) (domain.Answer, error) {
				return f.services[0].GetWith(context.Background(), key, domain.Constraints{MaxStale: time.Second})
			},
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, key := newFleet(t, 1, tagged("a"), never), mustKey(t, "k")
					f.get(t, 0, key)
					f.bus(0).connected.Store(false)
					f.purger.fails.Store(true)
					require.NoError(t, c.change(f, key))
					require.Equal(t, c.next, f.services[0].Explain(context.Background(), key).Next)
					got, err := get(f, key)
					require.NoError(t, err)
					require.Equal(t, c.outcome, got.Outcome)
					require.Equal(t, c.body, got.Entry.Body())
				})
			})
		}
	}
}

// What is received after a gap says nothing of what was missed in it.
func TestAPurgeThatWasMissedIsLearntAlthoughALaterOneIsReceivedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 2, tagged("a"), never), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 1, key)
		f.bus(1).connected.Store(false)
		f.purge(t, 0, ofTags("a"))
		f.bus(1).reconnect()
		before, err := f.l2.Purges(context.Background(), domain.Mark{})
		require.NoError(t, err)
		f.purge(t, 0, ofTags("b"))
		f.told(t, 0, before.Mark)
		require.Equal(t, domain.Loaded, f.get(t, 1, key).Outcome)
	})
}

// An instance that purges is the first to know, also when the record was lost before.
func TestAPurgeWhoseRecordWasLostIsInEffectWhereItWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 1, tagged("a"), never), mustKey(t, "k")
		f.get(t, 0, key)
		f.purger.lost.Store(true)
		f.purge(t, 0, ofTags("a"))
		require.Equal(t, domain.Loaded, f.get(t, 0, key).Outcome)
	})
}
