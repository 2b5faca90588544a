package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestOnlyTheLoadThatFindsOutLetsTheNextOneDoSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(Options{SourceConcurrency: 1, FailureCooldown: time.Second, SourceTimeout: 5 * time.Second})
		for range fewFailures {
			b.ended(domain.ErrSourceFailed, false)
		}
		time.Sleep(time.Second)
		was, is := b.ended(domain.ErrSourceFailed, false)
		require.True(t, !was && is, "it opens, for which there is a line of log")
		b.ended(context.Canceled, false) // began before
		_, ok := b.admit()
		require.False(t, ok, "it is open")
		time.Sleep(time.Second)
		probes, ok := b.admit()
		require.True(t, probes && ok)
		_, ok = b.admit()
		require.False(t, ok, "one at a time")
		b.ended(context.Canceled, probes)
		probes, ok = b.admit()
		require.True(t, probes && ok, "the next one")
		was, is = b.ended(nil, probes)
		require.True(t, was && !is, "and one for this")
		probes, ok = b.admit()
		require.True(t, !probes && ok, "it is closed")
	})
}
