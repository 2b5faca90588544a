package embedded_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

// options are small limits for tests, in memory.
func options() embedded.Options {
	return embedded.Options{LockTTL: 5 * time.Second, MaxBytes: 64 << 20, MaxValueBytes: 1 << 20}
}

func open(t *testing.T, o embedded.Options) *embedded.Layer {
	t.Helper()
	l, err := embedded.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func TestLayerKeepsTheContractInMemory(t *testing.T) { keepsTheContract(t, inMemory) }
func TestLayerKeepsTheContractOnDisk(t *testing.T)   { keepsTheContract(t, onDisk) }

func inMemory(*testing.T) string { return "" }
func onDisk(t *testing.T) string { return t.TempDir() }

func keepsTheContract(t *testing.T, dir func(*testing.T) string) {
	layer := portstest.Layer{
		Alone: true,
		Run:   synctest.Test,
		Open: func(t *testing.T, limits portstest.Limits) portstest.Harness {
			o := options()
			o.Dir, o.LockTTL = dir(t), limits.LockTTL
			l := open(t, o)
			both := portstest.Instance{L2: l, Locker: l, Bus: l, Purger: l, Hot: l}
			return portstest.Harness{A: both, B: both, Advance: time.Sleep, Corrupt: embedded.Corrupter(t, l)}
		},
	}
	portstest.L2AndLocker(t, layer)
	portstest.Bus(t, layer)
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealthNamesTheKind(t *testing.T) {
	l := open(t, options())
	require.Equal(t, "embedded", l.Health(t.Context()))
	require.Empty(t, l.Reason())
}

func TestClosingTwiceIsClosingOnce(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Dir = dir
			l := open(t, o)
			require.NoError(t, l.Close())
			require.NoError(t, l.Close())
			_, _, err := l.Get(t.Context(), key(t, "k"))
			require.ErrorIs(t, err, domain.ErrClosed)
			require.ErrorIs(t, l.Put(t.Context(), key(t, "k"), entry("v", time.Hour)), domain.ErrClosed)
			require.ErrorIs(t, l.Invalidate(t.Context(), key(t, "k"), domain.Invalidation{}), domain.ErrClosed)
		})
	}
}

func TestClosingWaitsForCallsUnderWay(t *testing.T) {
	o := options()
	o.Dir = t.TempDir()
	l := open(t, o)
	fill(t, l, "k", entry("v", time.Hour))
	var readers sync.WaitGroup
	started := make(chan struct{}, 8)
	for range cap(started) {
		readers.Go(func() {
			for n := 0; ; n++ {
				if _, _, err := l.Get(t.Context(), key(t, "k")); err != nil {
					assert.ErrorIs(t, err, domain.ErrClosed)
					return
				}
				if n == 0 {
					started <- struct{}{}
				}
			}
		})
	}
	for range cap(started) {
		<-started
	}
	require.NoError(t, l.Close())
	readers.Wait()
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, spoil := range []func(*embedded.Options){
		func(o *embedded.Options) { o.LockTTL = 0 },
		func(o *embedded.Options) { o.MaxBytes = 0 },
		func(o *embedded.Options) { o.MaxValueBytes = 0 },
		func(o *embedded.Options) { o.MaxValueBytes = 64<<20 + 1 },
	} {
		o := options()
		spoil(&o)
		_, err := embedded.Open(o)
		require.ErrorContains(t, err, "embedded layer: the ")
	}
}

func key(t *testing.T, s string) domain.Key {
	t.Helper()
	k, err := domain.ParseKey(s)
	require.NoError(t, err)
	return k
}

func entry(body string, ttl time.Duration) *domain.Entry {
	return domain.NewEntry(domain.Value{Body: body, ContentType: "text/plain"}, ttl, time.Second)
}

func fill(t *testing.T, l *embedded.Layer, name string, e *domain.Entry) {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key(t, name))
	require.NoError(t, err)
	require.NoError(t, l.Fill(t.Context(), key(t, name), e, lease))
}

// get returns the zero copy when there is none.
func get(t *testing.T, l *embedded.Layer, name string) domain.Copy {
	t.Helper()
	c, ok, err := l.Get(t.Context(), key(t, name))
	require.NoError(t, err)
	require.Equal(t, ok, c.Entry != nil)
	return c
}
