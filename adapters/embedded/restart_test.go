package embedded_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func disk(t *testing.T) embedded.Options {
	o := options()
	o.Dir = filepath.Join(t.TempDir(), "data")
	return o
}

func TestARestartKeepsWhatIsFreshWithItsRemainingTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := disk(t)
		l := open(t, o)
		large := strings.Repeat("x", 1<<20)
		fill(t, l, "ten", entry("ten", 10*time.Second))
		fill(t, l, "two", entry("two", 2*time.Second))
		fill(t, l, "4.5", entry("x", 4500*time.Millisecond))
		fill(t, l, "large", entry(large, time.Hour))
		require.NoError(t, l.Close())
		time.Sleep(4499 * time.Millisecond)

		l = open(t, o)
		require.Equal(t, domain.Copy{Entry: entry("ten", 10*time.Second), Remaining: 5501 * time.Millisecond}, get(t, l, "ten"))
		require.Equal(t, time.Millisecond, get(t, l, "4.5").Remaining)
		require.Equal(t, entry(large, time.Hour), get(t, l, "large").Entry)
		require.Zero(t, get(t, l, "two"))
		time.Sleep(time.Millisecond)
		require.Zero(t, get(t, l, "4.5"))
	})
}

func TestARestartKeepsWhatIsStaleWithItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := disk(t)
		l := open(t, o)
		e := entry("v", 2*time.Second).Kept(10 * time.Second)
		fill(t, l, "filled", e)
		require.NoError(t, l.Put(t.Context(), key(t, "put"), e))
		time.Sleep(3 * time.Second)
		require.NoError(t, l.Close())
		time.Sleep(2001 * time.Millisecond)

		l = open(t, o)
		for _, name := range []string{"filled", "put"} {
			require.Equal(t, domain.Copy{Entry: e, Remaining: -3001 * time.Millisecond}, get(t, l, name))
		}
		time.Sleep(6998 * time.Millisecond)
		require.Equal(t, -9999*time.Millisecond, get(t, l, "put").Remaining)
		time.Sleep(time.Millisecond)
		require.Zero(t, get(t, l, "filled"))
		require.Zero(t, get(t, l, "put"))
	})
}

func TestWhatWasDeletedIsGoneAfterARestartToo(t *testing.T) {
	o := disk(t)
	l := open(t, o)
	fill(t, l, "k", entry(strings.Repeat("x", 1<<20), time.Hour))
	require.NoError(t, l.Invalidate(t.Context(), key(t, "k"), domain.Invalidation{}))
	require.NoError(t, l.Close())
	require.Zero(t, get(t, open(t, o), "k"))
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
	o := disk(t)
	l := open(t, o)
	_, err := embedded.Open(o)
	require.EqualError(t, err, `embedded layer: data directory "`+o.Dir+`" is in use by another process`)
	fill(t, l, "k", entry("v", time.Hour)) // undisturbed
	require.NoError(t, l.Close())
	require.NotZero(t, get(t, open(t, o), "k"))
}

func TestOnlyTheOwnerMayReadTheData(t *testing.T) {
	o := disk(t)
	log := &lines{}
	o.Logger = log.logger()
	o.Dir = filepath.Join(o.Dir, "of", "our own")
	l := open(t, o)
	fill(t, l, "k", entry("v", time.Hour))
	require.Equal(t, os.FileMode(0o700), mode(t, o.Dir))
	files, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, f := range files {
		require.Equal(t, os.FileMode(0o600), mode(t, filepath.Join(o.Dir, f.Name())), f.Name())
	}
	require.NoError(t, l.Close())
	require.Empty(t, log.String())

	require.NoError(t, os.Chmod(filepath.Join(o.Dir, "mlcache.db"), 0o644))
	require.NoError(t, os.Chmod(o.Dir, 0o755))
	open(t, o)
	require.Equal(t, os.FileMode(0o600), mode(t, filepath.Join(o.Dir, "mlcache.db")))
	require.Equal(t, os.FileMode(0o755), mode(t, o.Dir), "the user's choice")
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "chmod 700")
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestAPathOfAnyKindWorks(t *testing.T) {
	for _, name := range []string{"a b", "50%20", "what?", "#1", "ключ", "mode=memory", "file:x"} {
		o := disk(t)
		o.Dir = filepath.Join(o.Dir, name)
		l := open(t, o)
		fill(t, l, "k", entry("v", time.Hour))
		require.NoError(t, l.Close())
		require.FileExists(t, filepath.Join(o.Dir, "mlcache.db"))
		require.NotZero(t, get(t, open(t, o), "k"))
	}
	t.Chdir(t.TempDir())
	o := options()
	o.Dir = "relative"
	open(t, o)
	require.FileExists(t, "relative/mlcache.db")
}

func TestADirectoryThatCannotBeUsedStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	occupied := filepath.Join(t.TempDir(), "dir")
	require.NoError(t, os.MkdirAll(filepath.Join(occupied, "mlcache.db"), 0o700))
	for name, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "without room": occupied} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Dir = dir
			_, err := embedded.Open(o)
			require.ErrorContains(t, err, `embedded layer: data directory "`+dir+`" cannot be used: `)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTheFileKeepsToItsBoundAndNewValuesWin(t *testing.T) {
	for name, size := range map[string]int{"tiny": 1, "1 KiB": 1 << 10, "100 KiB": 100 << 10, "900 KiB": 900 << 10} {
		t.Run(name, func(t *testing.T) {
			o := disk(t)
			o.MaxBytes = 1 << 20
			l := open(t, o)
			n := int(3*o.MaxBytes) / (size + 500)
			for i := range n {
				fill(t, l, strings.Repeat("k", i%100)+time.Duration(i).String(), entry(strings.Repeat("v", size), time.Hour))
				require.NotZero(t, get(t, l, strings.Repeat("k", i%100)+time.Duration(i).String()))
			}
			require.Zero(t, get(t, l, "0s"))
			info, err := os.Stat(filepath.Join(o.Dir, "mlcache.db"))
			require.NoError(t, err)
			require.LessOrEqual(t, info.Size(), o.MaxBytes)
			require.Greater(t, info.Size(), o.MaxBytes*8/10)
			require.Equal(t, "embedded", l.Health(t.Context()))
		})
	}
}

func TestAFileOfALargerBoundIsStartedAgain(t *testing.T) {
	o := disk(t)
	l := open(t, o)
	fill(t, l, "k", entry(strings.Repeat("v", 1<<20), time.Hour))
	require.NoError(t, l.Close())
	o.MaxBytes = 512 << 10
	l = open(t, o)
	require.Zero(t, get(t, l, "k"))
	fill(t, l, "k", entry("v", time.Hour))
}

// lines collects what is logged.
type lines struct{ strings.Builder }

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
