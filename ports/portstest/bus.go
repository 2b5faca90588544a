package portstest

import (
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Bus checks the contract of ports.Bus, as kept by a server that stays well and
// tells what ports.L2Store changes. How news is missed, and that it is noticed,
// is for each adapter to test: that takes a server which breaks.
func Bus(t *testing.T, layer Layer) {
	if layer.Alone {
		layer.check(t, aloneContracts())
	} else {
		layer.check(t, busContracts(), toldPurgeContracts())
	}
}

func aloneContracts() []contract {
	return []contract{
		{says: "the bus of an instance is connected and reachable", check: busStands},
		{says: "what an instance does is not told to itself", check: ownIsNotTold},
	}
}

func busContracts() []contract {
	return append(aloneContracts(), []contract{
		{says: "a write is told to the other instance", check: writeIsTold},
		{says: "a load is told to nobody", check: loadIsNotTold},
		{says: "a withdrawal is told to the other instance", check: withdrawalIsTold},
		{says: "the fill of an entry without TTL is told to the other instance", check: notStoredIsTold},
		{says: "every legal key arrives unharmed", check: oddKeysAreTold},
		{says: "who is told of a write finds it done", check: toldWhenDone},
		{says: "of many writes in a row, every one is told", check: manyAreTold},
	}...)
}

// ear is a listener that remembers what it was told.
type ear struct {
	*bench
	news   chan domain.Key
	purges chan domain.Purges
	inUse  atomic.Bool
	gaps   atomic.Int64
}

// listen gives the instance, which has a bus, its one listener.
func (b *bench) listen(in Instance) *ear {
	b.Helper()
	require.NotNil(b, in.Bus, "the harness has no bus")
	e := &ear{bench: b, news: make(chan domain.Key, 1<<13), purges: make(chan domain.Purges, 1<<10)}
	in.Bus.Listen(e)
	return e
}

func (e *ear) Invalidate(k domain.Key) {
	assert.True(e, e.inUse.CompareAndSwap(false, true), "told by two goroutines at a time")
	defer e.inUse.Store(false)
	select {
	case e.news <- k:
	default:
		assert.Fail(e, "told more often than anything was written")
	}
}

func (e *ear) Purged(p domain.Purges) {
	select {
	case e.purges <- p:
	default:
		assert.Fail(e, "told more often than anything was purged")
	}
}

func (e *ear) Gap() { e.gaps.Add(1) }

// hears requires to be told promptly of each of the keys, and of no other.
func (e *ear) hears(keys ...domain.Key) {
	e.Helper()
	missing := e.misses(keys...)
	require.Empty(e, missing, "not told of %d of %d keys", len(missing), len(keys))
}

// misses requires to be told of no other than the keys, and returns those of which it
// is not told promptly.
func (e *ear) misses(keys ...domain.Key) []domain.Key {
	e.Helper()
	expected, missing := map[domain.Key]bool{}, map[domain.Key]bool{}
	for _, k := range keys {
		expected[k], missing[k] = true, true
	}
	for late := time.After(promptly); len(missing) > 0; {
		select {
		case k := <-e.news:
			require.True(e, expected[k], "told of %q", k)
			delete(missing, k)
		case <-late:
			return slices.Collect(maps.Keys(missing))
		}
	}
	return nil
}

// hearsNothing waits a while.
func (e *ear) hearsNothing() {
	e.Helper()
	select {
	case k := <-e.news:
		require.Fail(e, "told of something", "of %q", k)
	case <-time.After(rest):
	}
}

func busStands(b *bench) {
	for _, in := range []Instance{b.A, b.B} {
		require.NotNil(b, in.Bus, "the harness has no bus")
		require.True(b, in.Bus.Subscribed())
		require.True(b, in.Bus.Available())
	}
	b.listen(b.A)
	b.write(b.A, b.key("k"), value("v"))
	require.True(b, b.A.Bus.Subscribed())
	require.True(b, b.A.Bus.Available())
}

func ownIsNotTold(b *bench) {
	at := b.listen(b.A)
	for i, e := range written() {
		k := b.key(strconv.Itoa(i))
		b.write(b.A, k, e)
		b.fill(b.A, k, value("v"))
		b.fill(b.A, k, lifeless())
		b.write(b.A, k, e)
	}
	at.hearsNothing()
}

// writeIsTold writes keys of which nothing is stored, so that to delete them
// changes nothing, then again. What an instance hears of itself would come before
// what it then hears of the other.
func writeIsTold(b *bench) {
	atA, atB := b.listen(b.A), b.listen(b.B)
	for i, e := range written() {
		k := b.key(strconv.Itoa(i))
		for range 2 {
			b.write(b.A, k, e)
			atB.hears(k)
		}
	}
	k := b.key("the other way")
	b.write(b.B, k, nil)
	atA.hears(k)
	atB.hearsNothing()
	atA.hearsNothing()
}

func loadIsNotTold(b *bench) {
	atA, atB := b.listen(b.A), b.listen(b.B)
	k, waking := b.key("k"), b.key("waking")
	b.fill(b.A, k, value("v"))
	lease := b.win(b.B, waking)
	waiting := b.await(waking, 2, b.A, b.B)
	require.NoError(b, b.B.L2.Fill(b.soon(), waking, value("v"), lease))
	waiting.end(ports.Ending{})
	b.fail(b.A, k, domain.ErrSourceFailed)
	atA.hearsNothing()
	atB.hearsNothing()
}

func oddKeysAreTold(b *bench) {
	at := b.listen(b.B)
	for i, name := range awkwardKeys() {
		b.write(b.A, b.key(name), written()[i%2])
		at.hears(b.key(name))
	}
}

func toldWhenDone(b *bench) {
	at, k := b.listen(b.B), b.key("k")
	for i := range 100 {
		var e *domain.Entry
		done := make(chan error, 1)
		if i%2 == 0 {
			e = value(strconv.Itoa(i))
			go func() { done <- b.A.L2.Put(b.Context(), k, e) }()
		} else {
			go func() { done <- b.A.L2.Invalidate(b.Context(), k, domain.Invalidation{}) }()
		}
		at.hears(k)
		b.has(k, e)
		require.NoError(b, <-done)
	}
}

// manyAreTold knows one excuse, a gap that is told: a machine may be so busy that a
// subscription seems to be silent. What was written meanwhile is written again.
func manyAreTold(b *bench) {
	at := b.listen(b.B)
	keys := make([]domain.Key, 2000)
	for i := range keys {
		keys[i] = b.key(strconv.Itoa(i))
	}
	for missing := keys; len(missing) > 0; {
		gaps := at.gaps.Load()
		for i, k := range missing {
			b.write(b.A, k, written()[i%2])
		}
		if missing = at.misses(missing...); len(missing) > 0 {
			require.Greater(b, at.gaps.Load(), gaps, "not told of %d keys", len(missing))
		}
	}
}

func withdrawalIsTold(b *bench) {
	atA, atB := b.listen(b.A), b.listen(b.B)
	b.fail(b.A, b.key("k"), domain.ErrWithdrawn)
	atB.hears(b.key("k"))
	b.fail(b.B, b.key("k2"), domain.ErrWithdrawn)
	atA.hears(b.key("k2"))
}

func notStoredIsTold(b *bench) {
	atA, atB := b.listen(b.A), b.listen(b.B)
	for i, e := range notStored() {
		k := b.key(strconv.Itoa(i))
		b.fill(b.B, k, value("old"))
		b.fill(b.A, k, e)
		atB.hears(k)
		b.lacks(k)
		b.fill(b.A, k, e) // although there is nothing to remove
		atB.hears(k)
		b.fill(b.B, k, e)
		atA.hears(k)
	}
	atA.hearsNothing()
	atB.hearsNothing()
}
