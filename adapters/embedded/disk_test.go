package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func onDisk(t *testing.T, maxBytes int64) (*Layer, *disk, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	l, err := Open(Options{
		Dir: filepath.Join(t.TempDir(), "data"), LockTTL: time.Second, MaxBytes: maxBytes, MaxValueBytes: 1 << 20,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, l.store.(*disk), &log
}

func keyOf(t *testing.T, name string) domain.Key {
	t.Helper()
	k, err := domain.ParseKey(name)
	require.NoError(t, err)
	return k
}

func states(log *strings.Builder) [2]int {
	return [2]int{strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=INFO")}
}

// A full disk is played by SQLite, which then answers as it does for ENOSPC.
func TestOnAFullDiskNewValuesTakeTheRoomOfOldOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d, log := onDisk(t, 8<<20)
		put := func(i int) {
			t.Helper()
			k, e := keyOf(t, fmt.Sprint(i)), value(strings.Repeat("v", 1000*(1+i%100)))
			require.NoError(t, l.Put(t.Context(), k, e))
			c, _, err := l.Get(t.Context(), k)
			require.NoError(t, err)
			require.Equal(t, e, c.Entry)
		}
		for i := range 20 {
			put(i)
		}
		pages, _, err := d.table.pages(t.Context())
		require.NoError(t, err)
		limit := func(pages int64) {
			require.NoError(t, d.table.exec(t.Context(), fmt.Sprintf("PRAGMA max_page_count=%d", pages)))
		}
		limit(pages)
		for i := 20; i < 300; i++ {
			put(i)
			time.Sleep(retryEvery / 10)
		}
		require.Equal(t, "degraded", l.Health(t.Context()))
		require.NoError(t, l.Invalidate(t.Context(), keyOf(t, "299"), domain.Invalidation{}))
		require.Equal(t, "degraded", l.Health(t.Context()))
		require.Contains(t, log.String(), "the disk is full: the file has")
		require.Equal(t, "the disk is full", l.Reason())
		limit(1000)
		time.Sleep(retryEvery)
		put(300)
		require.Equal(t, "embedded", l.Health(t.Context()))
		require.NoFileExists(t, d.path+"-probe")
	})
}

func TestADiskThatFailsIsAMissUntilItWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d, log := onDisk(t, 1<<20)
		require.NoError(t, l.Put(t.Context(), keyOf(t, "k"), value("old")))
		require.NoError(t, d.table.conn.Close()) // as good as a disk that fails
		for range 3 {
			require.ErrorContains(t, l.Put(t.Context(), keyOf(t, "k"), value("new")), "embedded layer: write: ")
			_, ok, err := l.Get(t.Context(), keyOf(t, "k"))
			require.ErrorContains(t, err, "embedded layer: get: ")
			require.False(t, ok)
			require.Equal(t, "degraded", l.Health(t.Context()))
			require.Equal(t, "the disk fails", l.Reason())
		}
		require.Equal(t, [2]int{1, 0}, states(log))
		time.Sleep(retryEvery)
		_, ok, err := l.Get(t.Context(), keyOf(t, "k"))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "degraded", l.Health(t.Context()), "that a read succeeds says nothing of writes")
		require.NoError(t, l.Put(t.Context(), keyOf(t, "k"), value("new")))
		require.Equal(t, "embedded", l.Health(t.Context()))
		require.Equal(t, [2]int{1, 1}, states(log))
	})
}

func TestAWriteThatFailsEndsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d, _ := onDisk(t, 1<<20)
		k := keyOf(t, "k")
		require.NoError(t, d.table.conn.Close())
		lease, err := l.Acquire(t.Context(), k)
		require.NoError(t, err)
		require.Error(t, l.Fill(t.Context(), k, value("v"), lease))
		require.NoError(t, l.Renew(t.Context(), k, lease), "a fill that fails leaves it")
		waiting := awaitEnding(t, l, k)
		synctest.Wait()
		require.Error(t, l.Put(t.Context(), k, value("v")), "whether it is stored is unknown")
		require.Zero(t, <-waiting)
		require.ErrorIs(t, l.Renew(t.Context(), k, lease), domain.ErrLeaseLost)
	})
}

func TestAfterAPowerCutTheFileIsNotTrusted(t *testing.T) {
	for name, boot := range map[string]string{"another boot": "another", "a system that does not tell": "", "kill -9": bootID()} {
		t.Run(name, func(t *testing.T) {
			l, d, _ := onDisk(t, 1<<20)
			require.NoError(t, l.Put(t.Context(), keyOf(t, "k"), value("v")))
			require.NoError(t, l.Close())
			db, err := sql.Open("sqlite", d.path)
			require.NoError(t, err)
			_, err = db.Exec("INSERT INTO unclean VALUES(?)", boot)
			require.NoError(t, err)
			require.NoError(t, db.Close())

			var log strings.Builder
			l, err = Open(Options{Dir: d.dir, LockTTL: time.Second, MaxBytes: 1 << 20, MaxValueBytes: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			_, ok, err := l.Get(t.Context(), keyOf(t, "k"))
			require.NoError(t, err)
			require.Equal(t, boot != "" && boot == bootID(), ok)
			require.Equal(t, !ok, strings.Contains(log.String(), "the machine stopped while it was open"))
			require.NoError(t, l.Close())
		})
	}
}

func TestExpiredRowsAreDeletedByPutsAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d, _ := onDisk(t, 8<<20)
		for i := range 100 {
			require.NoError(t, l.Put(t.Context(), keyOf(t, fmt.Sprint(i)), domain.NewEntry(domain.Value{Body: "v"}, time.Second, 0)))
		}
		time.Sleep(time.Second)
		rows := func() (n int) {
			require.NoError(t, d.table.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM entry").Scan(&n))
			return n
		}
		require.Equal(t, 100, rows())
		for want := 100 - expiredPerPut; want > 0; want -= expiredPerPut {
			require.NoError(t, l.Put(t.Context(), keyOf(t, "k"), value("v")))
			require.Equal(t, want+1, rows())
		}
	})
}

func TestCallsDoNotWaitForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d, log := onDisk(t, 1<<20)
		d.turn <- struct{}{} // as a call does that hangs in the disk
		ctx, cancel := context.WithTimeout(t.Context(), turnTimeout/2)
		defer cancel()
		_, _, err := l.Get(ctx, keyOf(t, "k"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, "embedded", l.Health(t.Context()))
		_, _, err = l.Get(t.Context(), keyOf(t, "k"))
		require.ErrorIs(t, err, errHangs)
		require.ErrorIs(t, l.Put(t.Context(), keyOf(t, "k"), value("v")), errHangs)
		require.Equal(t, "degraded", l.Health(t.Context()))
		require.Equal(t, "the disk hangs, or has more to do than it can", l.Reason())
		<-d.turn
		require.NoError(t, l.Put(t.Context(), keyOf(t, "k"), value("v")))
		require.Equal(t, "embedded", l.Health(t.Context()))
		require.Equal(t, [2]int{1, 1}, states(log))
	})
}

func TestTheReasonOfADegradedDiskShowsNoPath(t *testing.T) {
	path := func(err error) error { return &fs.PathError{Op: "open", Path: "/srv/secret/mlcache.db", Err: err} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{path(syscall.ENOSPC), "the disk is full"},
		{path(syscall.EDQUOT), "the disk is full"},
		{fmt.Errorf("%w: the file has 1 KiB", errFull), "the disk is full"},
		{errHangs, errHangs.Error()},
		{path(syscall.EACCES), "the data directory cannot be written to"},
		{path(syscall.EROFS), "the data directory cannot be written to"},
		{path(syscall.EIO), "the disk fails"},
	} {
		h := health{log: slog.New(slog.DiscardHandler)}
		h.note(c.err)
		require.Equal(t, c.want, h.reason(), c.err)
		h.note(nil)
		require.Empty(t, h.reason())
	}
}
