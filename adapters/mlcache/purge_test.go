package mlcache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// branded is a loader whose values have their first letter as a tag, and as many
// versions as loads.
func branded(s *shop) func(context.Context, string) (product, error) {
	return func(ctx context.Context, key string) (product, error) {
		p, err := s.load(ctx, key)
		mlcache.Describe(ctx, key, mlcache.Tags(key[:1]), mlcache.Version(uint64(s.calls.Load())))
		return p, err
	}
}

func TestAPurgeConcernsWhatItNames(t *testing.T) {
	for name, c := range map[string]struct {
		what []mlcache.Purged
		gone bool
	}{
		"nothing":       {nil, false},
		"its tag":       {[]mlcache.Purged{mlcache.Tag("x", "a")}, true},
		"another tag":   {[]mlcache.Purged{mlcache.Tag("b")}, false},
		"its key":       {[]mlcache.Purged{mlcache.Key("a1", "b1")}, true},
		"another key":   {[]mlcache.Purged{mlcache.Key("a2")}, false},
		"everything":    {[]mlcache.Purged{mlcache.Everything()}, true},
		"key and tag":   {[]mlcache.Purged{mlcache.Key("b1"), mlcache.Tag("a")}, true},
		"softly":        {[]mlcache.Purged{mlcache.Tag("a"), mlcache.Softly()}, true},
		"with versions": {[]mlcache.Purged{mlcache.Key("a1"), mlcache.Before(2)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(shop)
				products := mlcache.Fake(t, branded(s), mlcache.TTL(time.Hour))
				_, err := products.Get(t.Context(), "a1")
				require.NoError(t, err)
				require.NoError(t, products.Purge(t.Context(), c.what...))
				_, err = products.Get(t.Context(), "a1")
				require.NoError(t, err)
				require.Equal(t, c.gone, s.calls.Load() == 2)
			})
		})
	}
}

func TestVersionsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(shop)
		products := mlcache.Fake(t, branded(s), mlcache.TTL(time.Hour))
		require.NoError(t, products.Put(t.Context(), "a1", product{"new"}, mlcache.Version(5)))
		require.ErrorIs(t, products.Put(t.Context(), "a1", product{"old"}, mlcache.Version(4)), mlcache.ErrOutdated)
		got, err := products.Get(t.Context(), "a1", mlcache.AtLeast(5))
		require.NoError(t, err)
		require.Equal(t, product{"new"}, got)
		_, err = products.Get(t.Context(), "a1", mlcache.AtLeast(6))
		require.NoError(t, err)
		require.EqualValues(t, 2, s.calls.Load(), "the version that was loaded is outdated: once more")
	})
}

func TestAPurgeOfWhatIsNoKeyOrTagIsRefused(t *testing.T) {
	products := mlcache.Fake(t, new(shop).load)
	require.ErrorIs(t, products.Purge(t.Context(), mlcache.Key("")), mlcache.ErrInvalidKey)
	require.ErrorIs(t, products.Purge(t.Context(), mlcache.Tag("a b")), mlcache.ErrInvalidTag)
}
