package portstest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// writtenWhenWoken lets others wait for a lease that only the write ends: whether
// they are woken or come later and find it free, they find what was written. It is
// large, so that to write it takes a while.
func writtenWhenWoken(b *bench) {
	k, instances := b.key("k"), []Instance{b.A, b.B}
	for i := range 20 {
		e := value(strings.Repeat(string(rune('A'+i)), 900_000))
		b.win(b.A, k)
		found := make(chan ports.Found, len(instances))
		for _, in := range instances {
			go func() {
				var f ports.Found
				if _, f.Err = in.Locker.Await(b.Context(), k); f.Err == nil {
					f.Copy, f.OK, f.Err = in.L2.Get(b.Context(), k)
				}
				found <- f
			}()
		}
		b.write(b.B, k, e)
		for range instances {
			f := <-found
			require.NoError(b, f.Err)
			require.True(b, f.OK)
			require.Equal(b, e.ETag(), f.Copy.Entry.ETag())
		}
	}
}

// writeBeatsFill lets a load that began before a write end while that is under
// way: either it stores its entry first, or nothing.
func writeBeatsFill(b *bench) {
	k := b.key("k")
	for i := range 60 {
		e := written()[i%len(written())]
		lease := b.win(b.A, k)
		filled := make(chan error, 1)
		go func() { filled <- b.A.L2.Fill(b.Context(), k, value("loaded"), lease) }()
		b.write(b.B, k, e)
		if err := <-filled; err != nil {
			require.ErrorIs(b, err, domain.ErrLeaseLost)
		}
		b.has(k, e)
		b.free(k)
	}
}

func writesAtOnce(b *bench) {
	const rounds = 8
	k := b.key("k")
	all := make([]*domain.Entry, 4*rounds)
	for i := range all { // of many sizes, so that a mixture shows
		all[i] = value(strings.Repeat(string(rune('A'+i)), 1+i*30_000))
	}
	isWhole := func(c domain.Copy) bool {
		return slices.ContainsFunc(all, func(e *domain.Entry) bool { return reflect.DeepEqual(e, c.Entry) })
	}
	var underWay sync.WaitGroup
	for i := range 2 * rounds {
		in := []Instance{b.A, b.B}[i%2]
		underWay.Go(func() { assert.NoError(b, in.L2.Put(b.Context(), k, all[2*i])) })
		underWay.Go(func() { assert.NoError(b, in.L2.Invalidate(b.Context(), k, domain.Invalidation{})) })
		underWay.Go(func() { assert.NoError(b, load(b.Context(), in, k, all[2*i+1])) })
		underWay.Go(func() {
			c, ok, err := in.L2.Get(b.Context(), k)
			assert.NoError(b, err)
			assert.True(b, !ok || isWhole(c), "a mixture was read")
		})
	}
	underWay.Wait()
	a, ok, err := b.A.L2.Get(b.soon(), k)
	require.NoError(b, err)
	require.True(b, !ok || isWhole(a), "a mixture is stored")
	b.has(k, a.Entry)
	b.free(k)
}

// load fills k with e, unless that is voided, as soon as the lease is free.
func load(ctx context.Context, in Instance, k domain.Key, e *domain.Entry) error {
	for {
		lease, err := in.Locker.Acquire(ctx, k)
		if errors.Is(err, domain.ErrLeaseHeld) {
			if _, err := in.Locker.Await(ctx, k); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			err = in.L2.Fill(ctx, k, e, lease)
		}
		if errors.Is(err, domain.ErrLeaseLost) {
			return nil
		}
		return err
	}
}
