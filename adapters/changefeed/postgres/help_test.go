package postgres

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

// patience is for what happens by itself, on any machine.
const patience = time.Minute

const logical = "wal_level=logical"

func newFeed(t testing.TB, dsn, table, template string, change ...func(*Options)) *Feed {
	t.Helper()
	o := Options{DSN: dsn, Tables: map[string]string{table: template}, Timeout: patience, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	o.Publication = strings.ReplaceAll(table, ".", "_")
	for _, f := range change {
		f(&o)
	}
	feed, err := New(o)
	require.NoError(t, err)
	feed.checkEvery = 1
	return feed
}

func slotted(name string) func(*Options) { return func(o *Options) { o.Slot = name } }

// follower runs Follow, and has what it said.
type follower struct {
	t       testing.TB
	changes chan ports.Change
	ended   chan error
	stop    context.CancelFunc

	mu    sync.Mutex
	apply func(context.Context, ports.Change) error // before it is said
}

// follow begins to follow, which ends with the test at last.
func follow(t testing.TB, feed *Feed) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{t: t, changes: make(chan ports.Change, 1), ended: make(chan error, 1), stop: cancel}
	var running sync.WaitGroup
	running.Go(func() {
		f.ended <- feed.Follow(ctx, func(ctx context.Context, c ports.Change) error {
			f.mu.Lock()
			apply := f.apply
			f.mu.Unlock()
			if apply != nil {
				if err := apply(ctx, c); err != nil {
					return err
				}
			}
			select {
			case f.changes <- c:
			case <-ctx.Done():
			}
			return nil
		})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return f
}

func (f *follower) applies(apply func(context.Context, ports.Change) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apply = apply
}

// next returns the next change.
func (f *follower) next() ports.Change {
	f.t.Helper()
	select {
	case c := <-f.changes:
		return c
	case err := <-f.ended:
		require.FailNow(f.t, "the feed has ended", "%v", err)
	case <-time.After(patience):
		require.FailNow(f.t, "no change")
	}
	return ports.Change{}
}

// all waits for a change of all, before which no key was named.
func (f *follower) all() ports.Change {
	f.t.Helper()
	for {
		c := f.next()
		require.Empty(f.t, c.Keys)
		if c.All {
			return c
		}
	}
}

// begins waits for the change of all, and until the feed follows its slot.
func (f *follower) begins() {
	f.t.Helper()
	f.all()
	f.idle()
}

// keys waits until exactly these keys were named, each at least once, and nothing else.
func (f *follower) keys(want ...string) (last ports.Change) {
	f.t.Helper()
	var got []string
	for len(got) < len(want) {
		c := f.next()
		require.False(f.t, c.All, "all, after %v", got)
		for _, key := range c.Keys {
			if !slices.Contains(got, key.String()) {
				got = append(got, key.String())
			}
		}
		last = c
	}
	require.ElementsMatch(f.t, want, got)
	return last
}

func names(c ports.Change) (all []string) {
	for _, key := range c.Keys {
		all = append(all, key.String())
	}
	return all
}

// idle waits for a change that says nothing.
func (f *follower) idle() ports.Change {
	f.t.Helper()
	c := f.next()
	require.False(f.t, c.All)
	require.Empty(f.t, c.Keys)
	require.Zero(f.t, c.Version)
	return c
}

// end returns the error of Follow.
func (f *follower) end() error {
	f.t.Helper()
	late := time.After(patience)
	for {
		select {
		case <-f.changes:
		case err := <-f.ended:
			return err
		case <-late:
			require.FailNow(f.t, "the feed has not ended")
		}
	}
}

// stopped ends the feed.
func (f *follower) stopped() {
	f.t.Helper()
	f.stop()
	require.ErrorIs(f.t, f.end(), context.Canceled)
}

func value[T any](t testing.TB, s *sqltest.Postgres, query string, args ...any) (v T) {
	t.Helper()
	db := s.Open()
	defer func() { _ = db.Close() }()
	require.NoError(t, db.QueryRowContext(t.Context(), query, args...).Scan(&v), query)
	return v
}

// wire is in front of a server. It can be cut so that neither side notices.
type wire struct {
	dsn string

	mu    sync.Mutex
	alive int // connections, the later ones are cut
	moves *sync.Cond
	conns []net.Conn
}

func newWire(t testing.TB, dsn string) *wire {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = l.Addr().String()
	w := &wire{dsn: u.String(), alive: math.MaxInt}
	w.moves = sync.NewCond(&w.mu)
	var running sync.WaitGroup
	running.Go(func() {
		for accepted := 0; ; {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, client, upstream)
			w.mu.Unlock()
			n := accepted
			accepted++
			running.Go(func() { w.copy(n, client, upstream) })
			running.Go(func() { w.copy(n, upstream, client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.mu.Lock()
		w.alive = math.MaxInt
		w.moves.Broadcast()
		for _, c := range w.conns {
			c.Close()
		}
		w.mu.Unlock()
		running.Wait()
	})
	return w
}

func (w *wire) copy(number int, to io.WriteCloser, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		for number >= w.alive {
			w.moves.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// silence cuts the connections from the nth on.
func (w *wire) silence(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive = n
}

var errApply = errors.New("apply failed")
