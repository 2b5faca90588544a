//go:build !race

package app_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestAnL1HitDoesNotAllocate(t *testing.T) {
	f, key := newFleet(t, 1, func(context.Context, int64) (domain.Value, error) { return domain.Value{Body: "v"}, nil }), mustKey(t, "k")
	f.get(t, 0, key)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if got, err := f.services[0].Get(ctx, key); err != nil || got.Outcome != domain.L1Hit {
			panic(got.Outcome)
		}
	}))
}
