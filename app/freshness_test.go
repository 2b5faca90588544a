package app_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestWhatTheSourceSaysOfFreshnessCountsAsTheOptionHasIt(t *testing.T) {
	const configured = 30 * time.Second
	shorter, longer := domain.Value{TTL: time.Second}, domain.Value{TTL: time.Hour}
	over, noStore := domain.Value{TTL: -1}, domain.Value{TTL: time.Hour, NoStore: true}
	tagsUnknown := domain.Value{TTL: time.Hour, TagsUnknown: true}
	for name, c := range map[string]struct {
		freshness app.Freshness
		value     domain.Value
		want      time.Duration
	}{
		"cap, nothing said":    {app.CapSource, domain.Value{}, configured},
		"cap, shorter":         {app.CapSource, shorter, time.Second},
		"cap, longer":          {app.CapSource, longer, configured},
		"cap, over at once":    {app.CapSource, over, 0},
		"cap, no-store":        {app.CapSource, noStore, 0},
		"ignore, nothing said": {app.IgnoreSource, domain.Value{}, configured},
		"ignore, shorter":      {app.IgnoreSource, shorter, configured},
		"ignore, longer":       {app.IgnoreSource, longer, configured},
		"ignore, over at once": {app.IgnoreSource, over, configured},
		"ignore, no-store":     {app.IgnoreSource, noStore, configured},
		"follow, nothing said": {app.FollowSource, domain.Value{}, configured},
		"follow, shorter":      {app.FollowSource, shorter, time.Second},
		"follow, longer":       {app.FollowSource, longer, time.Hour},
		"follow, over at once": {app.FollowSource, over, 0},
		"follow, no-store":     {app.FollowSource, noStore, 0},

		"cap, unreadable tags":    {app.CapSource, tagsUnknown, 0},
		"ignore, unreadable tags": {app.IgnoreSource, tagsUnknown, 0},
		"follow, unreadable tags": {app.FollowSource, tagsUnknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 2, func(context.Context, int64) (domain.Value, error) { return c.value, nil }, never,
					func(o *app.Options) { o.Freshness = c.freshness })
				key := mustKey(t, "k")
				require.Equal(t, c.want, f.get(t, 0, key).Remaining)
				calls := 1
				if c.want == 0 {
					calls = 2
				} else {
					time.Sleep(c.want - time.Millisecond)
				}
				for i := range 2 {
					f.get(t, i, key)
				}
				if c.want == 0 {
					calls++ // each request calls
				}
				require.EqualValues(t, calls, f.source.calls.Load())
				time.Sleep(time.Millisecond)
				f.get(t, 1, key)
				require.EqualValues(t, calls+1, f.source.calls.Load(), "it is over")
			})
		})
	}
}

// validating is a source whose value does not change after the first call.
type validating struct {
	mu       sync.Mutex
	received []domain.Validator
	says     domain.Value // when it confirms
}

var current = domain.Validator{ETag: `"current"`, LastModified: "Fri, 27 Nov 2026 04:00:00 GMT"}

func (s *validating) Load(_ context.Context, _ domain.Key, held domain.Validator) (domain.Value, error) {
	time.Sleep(loadTime)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, held)
	if held == current {
		return s.says, domain.ErrNotModified
	}
	return domain.Value{Body: "body", ContentType: "text/plain", Validator: current, Tags: domain.Tags{"a"}, Version: 1}, nil
}

func TestAConfirmedValueIsFreshAgainOnAllInstancesByOneCallWithoutABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &validating{says: domain.Value{Version: 2}}
		f, key := newFleetOn(t, 3, source, never), mustKey(t, "k")
		for i := range 3 {
			f.get(t, i, key)
		}
		time.Sleep(31 * time.Second)
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				got := f.get(t, i%3, key)
				assert.Equal(t, "body", got.Entry.Body())
				assert.Equal(t, "text/plain", got.Entry.ContentType())
				assert.Equal(t, domain.Tags{"a"}, got.Entry.Tags())
				assert.EqualValues(t, 2, got.Entry.Version())
				assert.Equal(t, current, got.Entry.Validator())
				assert.Equal(t, 30*time.Second, got.Remaining)
				if got.Outcome == domain.Loaded {
					assert.Equal(t, 304, got.SourceStatus)
					assert.True(t, got.Stored)
				}
			})
		}
		all.Wait()
		require.Equal(t, []domain.Validator{{}, current}, source.received)
		time.Sleep(29 * time.Second)
		require.Equal(t, domain.L1Hit, f.get(t, 0, key).Outcome)
	})
}

func TestAValueThatIsOverAtOnceIsConfirmedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &validating{says: domain.Value{TTL: -1}}
		f, key := newFleetOn(t, 1, source, never), mustKey(t, "k")
		f.get(t, 0, key)
		for range 3 {
			time.Sleep(31 * time.Second)
			require.Equal(t, 304, f.get(t, 0, key).SourceStatus)
			require.Equal(t, 304, f.get(t, 0, key).SourceStatus, "at once again")
		}
		require.Len(t, source.received, 7)
	})
}

func TestAConfirmedValueThatMayNoLongerBeStoredIsForgotten(t *testing.T) {
	for _, says := range []domain.Value{{NoStore: true}, {NoStore: true, Validator: current}, {TagsUnknown: true}} {
		synctest.Test(t, func(t *testing.T) {
			source := &validating{says: says}
			f, key := newFleetOn(t, 1, source, never), mustKey(t, "k")
			f.get(t, 0, key)
			time.Sleep(31 * time.Second)
			got := f.get(t, 0, key)
			require.Equal(t, "body", got.Entry.Body())
			require.False(t, got.Stored)
			require.Equal(t, 200, f.get(t, 0, key).SourceStatus)
			require.Equal(t, []domain.Validator{{}, current, {}}, source.received)
		})
	}
}

func TestARefreshAndAReloadConfirmToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &validating{}
		f, key := newFleetOn(t, 1, source, eager), mustKey(t, "k")
		f.get(t, 0, key)
		f.get(t, 0, key)
		f.settle(t)
		_, err := f.with(0, key, domain.Constraints{NoCache: true})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(source.received), 3)
		for _, held := range source.received[1:] {
			require.Equal(t, current, held)
		}
	})
}

func TestASourceThatConfirmsWhatNobodyHoldsFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, slowly(domain.Value{}, domain.ErrNotModified), never)
		_, err := f.services[0].Get(context.Background(), mustKey(t, "k"))
		require.ErrorIs(t, err, domain.ErrSourceFailed)
	})
}

func TestAValueThatMayNotBeStoredIsStillEverybodysThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFleet(t, 10, slowly(domain.Value{Body: "private", NoStore: true, Validator: current}, nil), never), mustKey(t, "k")
		took := f.askAll(key, domain.Constraints{}, func(got domain.Answer, err error) {
			assert.NoError(t, err)
			assert.Equal(t, "private", got.Entry.Body())
			assert.False(t, got.Stored)
		})
		require.Equal(t, loadTime, took)
		require.EqualValues(t, 1, f.source.calls.Load())
		require.Equal(t, domain.Loaded, f.get(t, 0, key).Outcome)
		require.Empty(t, f.get(t, 0, key).Entry.Validator(), "nobody has what it would confirm")
	})
}
