package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestARestartKeepsWhatIsFreshWithTheLifeItHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Dir = t.TempDir()
		l, err := embedded.Open(o)
		require.NoError(t, err)
		large := strings.Repeat("x", 1<<20)
		fill(t, l, "ten", entry("ten", 10*time.Second))
		fill(t, l, "two", entry("two", 2*time.Second))
		fill(t, l, "4.5", entry("x", 4500*time.Millisecond))
		fill(t, l, "large", entry(large, time.Hour))
		require.NoError(t, l.Close())
		time.Sleep(4499 * time.Millisecond)

		l = open(t, o)
		require.Equal(t, domain.Copy{Entry: entry("ten", 10*time.Second), Left: 5501 * time.Millisecond}, get(t, l, "ten"))
		require.Equal(t, time.Millisecond, get(t, l, "4.5").Left)
		require.Equal(t, entry(large, time.Hour), get(t, l, "large").Entry)
		require.Zero(t, get(t, l, "two"))
		time.Sleep(time.Millisecond)
		require.Zero(t, get(t, l, "4.5"))
	})
}

func TestARestartKeepsWhatIsStaleWithTheAgeThatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Dir = t.TempDir()
		l, err := embedded.Open(o)
		require.NoError(t, err)
		e := entry("v", 2*time.Second).Kept(10 * time.Second)
		fill(t, l, "filled", e)
		require.NoError(t, l.Put(t.Context(), key(t, "put"), e))
		time.Sleep(3 * time.Second)
		require.NoError(t, l.Close())
		time.Sleep(2001 * time.Millisecond)

		l = open(t, o)
		for _, name := range []string{"filled", "put"} {
			require.Equal(t, domain.Copy{Entry: e, Left: -3001 * time.Millisecond}, get(t, l, name))
		}
		time.Sleep(6998 * time.Millisecond)
		require.Equal(t, -9999*time.Millisecond, get(t, l, "put").Left)
		time.Sleep(time.Millisecond)
		require.Zero(t, get(t, l, "filled"))
		require.Zero(t, get(t, l, "put"))
	})
}

func TestWhatWasDeletedIsGoneAfterARestartToo(t *testing.T) {
	o := options()
	o.Dir = t.TempDir()
	l, err := embedded.Open(o)
	require.NoError(t, err)
	fill(t, l, "k", entry(strings.Repeat("x", 1<<20), time.Hour))
	require.NoError(t, l.Delete(t.Context(), key(t, "k")))
	require.NoError(t, l.Close())

	l = open(t, o)
	require.Zero(t, get(t, l, "k"))
	require.Zero(t, embedded.InUse(l))
}

func TestABoundThatWasLoweredDoesNotForbidToDelete(t *testing.T) {
	o := options()
	o.Dir = t.TempDir()
	l, err := embedded.Open(o)
	require.NoError(t, err)
	fill(t, l, "one", entry(strings.Repeat("x", 2000), time.Hour))
	fill(t, l, "two", entry(strings.Repeat("x", 2000), time.Hour))
	require.NoError(t, l.Close())

	o.MaxBytes = 1000
	l = open(t, o)
	require.NoError(t, l.Delete(t.Context(), key(t, "one")))
	require.Zero(t, get(t, l, "one"))
	require.NotZero(t, get(t, l, "two"))
}

func TestARestartBooksWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Dir = t.TempDir()
		l, err := embedded.Open(o)
		require.NoError(t, err)
		fill(t, l, "small", entry("v", time.Minute))
		fill(t, l, "large", entry(strings.Repeat("x", 1<<20), time.Hour))
		before := embedded.InUse(l)
		require.NoError(t, l.Close())

		l = open(t, o)
		require.Equal(t, before, embedded.InUse(l))
		fill(t, l, "large", entry("v", time.Hour))
		require.Less(t, embedded.InUse(l), int64(500))
		time.Sleep(2 * time.Hour)
		fill(t, l, "large", domain.NewMissing(0, 0))
		require.Zero(t, embedded.InUse(l))
	})
}

func TestAKilledProcessLosesNothingThatTheSystemStillWrites(t *testing.T) {
	o := options()
	o.Dir = t.TempDir()
	killed := open(t, o)
	fill(t, killed, "k", entry("v", time.Hour))
	o.Dir = copyOf(t, o.Dir)
	require.Equal(t, entry("v", time.Hour), get(t, open(t, o), "k").Entry)
}

func TestEntriesFromTheFutureAreNotServed(t *testing.T) {
	l := open(t, options())
	raw := domain.AppendStored(nil, entry("v", 10*time.Second))
	embedded.Corrupter(t, l)(key(t, "k"), string(raw)) // with a minute left
	require.Zero(t, get(t, l, "k"), "the clock must have been set back")
	raw = domain.AppendStored(nil, entry("v", 10*time.Second).Kept(45*time.Second))
	embedded.Corrupter(t, l)(key(t, "k"), string(raw))
	require.Zero(t, get(t, l, "k"), "the clock must have been set back")
}

func TestADirectoryInUseIsOneClearError(t *testing.T) {
	o := options()
	o.Dir = t.TempDir()
	open(t, o)
	_, err := embedded.Open(o)
	require.EqualError(t, err, `embedded layer: data directory "`+o.Dir+`" is in use by another process`)
}

func TestADamagedDirectoryIsOneClearError(t *testing.T) {
	whole := options()
	whole.Dir = t.TempDir()
	l, err := embedded.Open(whole)
	require.NoError(t, err)
	fill(t, l, "k", entry(strings.Repeat("v", 10000), time.Hour))
	require.NoError(t, l.Close())

	for says, damage := range map[string]func(dir string) error{
		"a manifest of something else": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("garbage, and some more of it"), 0o600)
		},
		"a table cut short": func(dir string) error { return os.Truncate(filepath.Join(dir, "000001.sst"), 100) },
		"an empty table":    func(dir string) error { return os.Truncate(filepath.Join(dir, "000001.sst"), 0) },
		"a lost table":      func(dir string) error { return os.Remove(filepath.Join(dir, "000001.sst")) },
		"zeros at the end of a table": func(dir string) error {
			return os.Truncate(filepath.Join(dir, "000001.sst"), 1<<20)
		},
	} {
		t.Run(says, func(t *testing.T) {
			o := options()
			o.Dir = copyOf(t, whole.Dir)
			require.NoError(t, damage(o.Dir))
			_, err := embedded.Open(o)
			require.Error(t, err)
			assert.Contains(t, err.Error(), `embedded layer: cannot open data directory "`+o.Dir+`"`)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestADamagedValueIsNotServed(t *testing.T) {
	o := options()
	o.Dir = t.TempDir()
	l, err := embedded.Open(o)
	require.NoError(t, err)
	fill(t, l, "k", entry(strings.Repeat("v", 10000), time.Hour))
	require.NoError(t, l.Close())
	f, err := os.OpenFile(filepath.Join(o.Dir, "000001.sst"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("V"), 5000)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	l, err = embedded.Open(o)
	if err != nil {
		return // nor is this
	}
	_, ok, _ := l.Get(t.Context(), key(t, "k"))
	require.False(t, ok)
	require.NoError(t, l.Close())
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}
