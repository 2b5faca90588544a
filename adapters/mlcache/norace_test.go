//go:build !race

package mlcache_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

func TestAHitInMemoryAllocatesWhatItsCodecDoes(t *testing.T) {
	c := mlcache.Fake(t, func(context.Context, string) (string, error) { return "value", nil }, mlcache.Codec(mlcache.Raw[string]()))
	ctx := t.Context()
	get := func() {
		if _, err := c.Get(ctx, "7"); err != nil {
			t.Error(err)
		}
	}
	get()
	require.Zero(t, testing.AllocsPerRun(1000, get))
}
