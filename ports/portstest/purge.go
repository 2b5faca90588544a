package portstest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func purgeContracts() []contract {
	return []contract{
		{says: "a purge is recorded under a number that grows", check: purgeHasANumber},
		{says: "what is known of purges is not returned again", check: knownPurges},
		{says: "purges of everything, and soft ones, are told apart", check: kindsOfPurges},
		{says: "when what was known is lost, everything counts as purged", check: lostPurges},
	}
}

func toldPurgeContracts() []contract {
	return []contract{
		{says: "a purge is told to the other instance", check: purgeIsTold},
	}
}

func versionContracts() []contract {
	return []contract{
		{says: "no version below the floor is filled, and the lease stands", check: fillBelowFloor},
		{says: "no version below the floor is put, and nothing changes", check: putBelowFloor},
		{says: "what is stored raises the floor", check: storedIsFloor},
		{says: "a floor is never lowered", check: floorStays},
		{says: "a floor ends", check: floorEnds},
		{says: "what is invalidated softly is stale, for as long as it is kept", check: softIsStale},
		{says: "what is not kept is removed by a soft invalidation", check: softRemoves},
		{says: "a soft invalidation of nothing leaves nothing", check: softOfNothing},
	}
}

func (b *bench) purge(in Instance, p domain.Purge, known domain.Mark) domain.Purges {
	b.Helper()
	learned, err := in.Purger.Purge(b.soon(), p, known, long)
	require.NoError(b, err)
	return learned
}

func (b *bench) purges(in Instance, known domain.Mark) domain.Purges {
	b.Helper()
	learned, err := in.Purger.Purges(b.soon(), known)
	require.NoError(b, err)
	return learned
}

func purgeHasANumber(b *bench) {
	begun := b.purges(b.A, domain.Mark{})
	require.NotZero(b, begun.Generation)
	require.Empty(b, begun.Tags)
	last := begun
	for range 3 { // also within a millisecond
		next := b.purge(b.A, domain.Purge{Tags: domain.Tags{"a", "b"}}, last.Mark)
		require.Equal(b, begun.Generation, next.Generation)
		require.Greater(b, next.Number, last.Number)
		require.ElementsMatch(b, []domain.TagPurge{{Tag: "a", Number: next.Number}, {Tag: "b", Number: next.Number}}, next.Tags)
		last = next
	}
	require.Equal(b, last.Mark, b.purges(b.B, domain.Mark{}).Mark)
}

func knownPurges(b *bench) {
	first := b.purge(b.A, domain.Purge{Tags: domain.Tags{"a", domain.RouteTag("r")}}, domain.Mark{})
	second := b.purge(b.A, domain.Purge{Tags: domain.Tags{"b"}}, first.Mark)
	require.ElementsMatch(b, []domain.TagPurge{{Tag: "b", Number: second.Number}}, b.purges(b.B, first.Mark).Tags)
	require.Empty(b, b.purges(b.B, second.Mark).Tags)
	require.ElementsMatch(b, []domain.TagPurge{
		{Tag: "a", Number: first.Number}, {Tag: domain.RouteTag("r"), Number: first.Number}, {Tag: "b", Number: second.Number},
	}, b.purges(b.B, domain.Mark{}).Tags)
}

func kindsOfPurges(b *bench) {
	soft := b.purge(b.A, domain.Purge{Tags: domain.Tags{"a"}, Soft: true}, domain.Mark{})
	require.Equal(b, []domain.TagPurge{{Tag: "a", Number: soft.Number, Soft: true}}, soft.Tags)
	all := b.purge(b.A, domain.Purge{All: true}, soft.Mark)
	require.Equal(b, domain.Purges{Mark: all.Mark, All: all.Number}, all)
	allSoft := b.purge(b.A, domain.Purge{All: true, Soft: true}, all.Mark)
	require.Equal(b, domain.Purges{Mark: allSoft.Mark, All: all.Number, AllSoft: allSoft.Number}, allSoft)
	require.Greater(b, allSoft.Number, all.Number)
}

func lostPurges(b *bench) {
	known := b.purge(b.A, domain.Purge{Tags: domain.Tags{"a"}}, domain.Mark{})
	for _, lost := range []domain.Mark{
		{Generation: known.Generation + 1, Number: 7},                        // began anew
		{Generation: known.Generation, Number: known.Number + 1_000_000_000}, // went back
	} {
		learned := b.purges(b.B, lost)
		require.Equal(b, learned.Number, learned.All)
		require.Greater(b, learned.All, known.Number)
		if lost.Generation == learned.Generation {
			require.Greater(b, learned.All, lost.Number)
		}
		require.Equal(b, learned.All, b.purges(b.A, known.Mark).All, "it is so for all")
	}
}

func purgeIsTold(b *bench) {
	heard := b.listen(b.B)
	b.purges(b.A, domain.Mark{})
	learned := b.purge(b.A, domain.Purge{Tags: domain.Tags{"a"}, Soft: true}, domain.Mark{})
	for {
		select {
		case got := <-heard.purges:
			if got.Number < learned.Number { // that the record began
				continue
			}
			require.Equal(b, learned, got)
			return
		case <-time.After(promptly):
			require.Fail(b, "it is not told")
		}
	}
}

// version returns an entry with a version, which is kept.
func version(n uint64) *domain.Entry {
	return domain.NewEntry(domain.Value{Body: "v", Version: n}, time.Hour, 0).Kept(time.Hour)
}

func (b *bench) invalidate(in Instance, k domain.Key, i domain.Invalidation) {
	b.Helper()
	require.NoError(b, in.L2.Invalidate(b.soon(), k, i))
}

func fillBelowFloor(b *bench) {
	k := b.key("k")
	b.invalidate(b.A, k, domain.Invalidation{Version: 10, Remembered: long})
	lease := b.win(b.B, k)
	require.ErrorIs(b, b.B.L2.Fill(b.soon(), k, version(9), lease), domain.ErrOutdated)
	b.lacks(k)
	require.NoError(b, b.B.Locker.Renew(b.soon(), k, lease))
	require.NoError(b, b.B.L2.Fill(b.soon(), k, version(10), lease))
	b.holds(k, version(10))
	b.fill(b.A, k, value("without a version"))
}

func putBelowFloor(b *bench) {
	k := b.key("k")
	require.NoError(b, b.A.L2.Put(b.soon(), k, version(1<<63+1)))
	lease := b.win(b.A, k)
	require.ErrorIs(b, b.B.L2.Put(b.soon(), k, version(1<<63)), domain.ErrOutdated)
	b.holds(k, version(1<<63+1))
	require.NoError(b, b.A.Locker.Release(b.soon(), k, lease, ports.Ending{}))
	require.NoError(b, b.B.L2.Put(b.soon(), k, value("without a version")))
	b.holds(k, value("without a version"))
}

func storedIsFloor(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, version(9))
	b.invalidate(b.A, k, domain.Invalidation{})
	require.ErrorIs(b, b.B.L2.Fill(b.soon(), k, version(8), b.win(b.B, k)), domain.ErrOutdated)
}

func floorStays(b *bench) {
	k := b.key("k")
	b.invalidate(b.A, k, domain.Invalidation{Version: 100, Remembered: long})
	b.invalidate(b.B, k, domain.Invalidation{Version: 99, Remembered: time.Second})
	b.Advance(2 * time.Second)
	require.ErrorIs(b, b.B.L2.Put(b.soon(), k, version(99)), domain.ErrOutdated)
}

func floorEnds(b *bench) {
	k := b.key("k")
	b.invalidate(b.A, k, domain.Invalidation{Version: 100, Remembered: time.Hour})
	b.Advance(time.Hour + time.Second)
	require.NoError(b, b.B.L2.Put(b.soon(), k, version(1)))
}

func softIsStale(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, version(1))
	b.win(b.A, k)
	b.invalidate(b.B, k, domain.Invalidation{Soft: true})
	c, ok, err := b.A.L2.Get(b.soon(), k)
	require.NoError(b, err)
	require.True(b, ok)
	require.Equal(b, version(1), c.Entry)
	require.LessOrEqual(b, c.Remaining, time.Duration(0))
	b.free(k) // the lease was voided
	b.Advance(time.Hour + time.Second)
	b.lacks(k)
}

func softRemoves(b *bench) {
	k := b.key("k")
	b.fill(b.A, k, value("v"))
	b.invalidate(b.B, k, domain.Invalidation{Soft: true, Version: 3, Remembered: long})
	b.lacks(k)
	require.ErrorIs(b, b.B.L2.Put(b.soon(), k, version(2)), domain.ErrOutdated)
}

func softOfNothing(b *bench) {
	k := b.key("k")
	b.invalidate(b.B, k, domain.Invalidation{Soft: true})
	b.lacks(k)
}
