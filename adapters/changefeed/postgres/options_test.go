package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestOptionsThatCannotBeAreRefusedInOneLine(t *testing.T) {
	valid := Options{DSN: "postgres://me:s3cret@127.0.0.1:1/db", Tables: map[string]string{"public.products": "{id}"}}
	for message, change := range map[string]func(*Options){
		"postgres changes: DSN must be as postgres://user:password@host/database":                             func(o *Options) { o.DSN = "" },
		"postgres changes: DSN must be as postgres://user:password@host/database\x00":                         func(o *Options) { o.DSN = "mysql://me:s3cret@h/db" },
		"postgres changes: DSN must be as postgres://user:password@host/database\x00\x00":                     func(o *Options) { o.DSN = "postgres://me:s3cret@h:port/db" },
		"postgres changes: table public.products: key template \"id\" must name at least one column, as {id}": func(o *Options) { o.Tables = map[string]string{"public.products": "id"} },
		"postgres changes: key template: there must be one for at least one table":                            func(o *Options) { o.Tables = nil },
		"postgres changes: Slot is \"Shop\", must have up to 63 small letters, digits and _":                  func(o *Options) { o.Slot = "Shop" },
		"postgres changes: Publication is \"a'b\", must have up to 63 letters, digits and _":                  func(o *Options) { o.Publication = "a'b" },
		"postgres changes: MaxKeys is -1, must not be negative":                                               func(o *Options) { o.MaxKeys = -1 },
		"postgres changes: Timeout is 1ms, must be at least 3s":                                               func(o *Options) { o.Timeout = time.Millisecond },
	} {
		o := valid
		change(&o)
		_, err := New(o)
		require.EqualError(t, err, strings.TrimRight(message, "\x00"))
	}
	feed, err := New(valid)
	require.NoError(t, err)
	require.NoError(t, err)
	err = feed.Follow(t.Context(), nil)
	require.ErrorContains(t, err, "postgres changes: ")
	require.NotContains(t, err.Error(), "s3cret")
	_, err = New(Options{DSN: valid.DSN, Tables: valid.Tables, Slot: "shop"})
	require.NoError(t, err)
}

func TestAnErrorShowsNoPassword(t *testing.T) {
	feed, err := New(Options{DSN: "postgres://me:s3cret@127.0.0.1:1/db", Tables: map[string]string{"public.products": "{id}"}})
	require.NoError(t, err)
	require.EqualError(t, feed.described(errorText("s3cret\nis it")), "postgres changes: [redacted] is it")
}

type errorText string

func (e errorText) Error() string { return string(e) }

// An idle feed is as far behind as the last position of the WAL that it has passed,
// however often it asked since.
func TestAnIdleFeedIsAsFarBehindAsWhatItHasPassed(t *testing.T) {
	feed, err := New(Options{DSN: "postgres://127.0.0.1:1/db", Tables: map[string]string{"public.products": "{id}"}})
	require.NoError(t, err)
	r := newReceiver(feed, nil, newInbox())
	says := func(lsn pglogrepl.LSN) (time.Time, bool) {
		r.keepalive(pglogrepl.PrimaryKeepaliveMessage{ServerWALEnd: lsn})
		b, ok := r.inbox.take()
		return b.since, ok
	}
	asks := func(lsn pglogrepl.LSN) time.Time {
		m := mark{lsn: lsn, at: time.Now()}
		r.newest.Store(&m)
		return m.at
	}
	_, ok := says(5)
	require.False(t, ok, "nothing is known")
	first := asks(10)
	_, ok = says(5)
	require.False(t, ok, "it is not known yet how far it is behind")
	second := asks(20)
	since, ok := says(10)
	require.True(t, ok)
	require.Equal(t, first, since)
	third := asks(30)
	since, _ = says(29)
	require.Equal(t, second, since, "more was asked for than passed")
	since, ok = says(30)
	require.False(t, ok, "once for each time that it asks")
	require.Zero(t, since)
	asks(40)
	since, _ = says(35)
	require.Equal(t, third, since)
	last := asks(50)
	since, _ = says(50)
	require.Equal(t, last, since)

	require.NoError(t, r.change(pglogrepl.XLogData{WALData: append([]byte{'B'}, make([]byte, 20)...)}))
	asks(60)
	require.NoError(t, r.change(pglogrepl.XLogData{WALData: []byte("I\x00\x00\x00\x01N")}))
	b, ok := r.inbox.take()
	require.True(t, ok, "nothing is said during a long transaction")
	require.Equal(t, last, b.since)
	asks(70)
	since, ok = says(70)
	require.True(t, ok)
	require.Equal(t, last, since, "what is open was not passed")
}

func TestWhatIsNotTakenBecomesOne(t *testing.T) {
	now := time.Now()
	of := func(keys ...string) (k changefeed.Keys) {
		k.Max = 2
		for _, name := range keys {
			key, err := domain.ParseKey(name)
			require.NoError(t, err)
			k.Add(key)
		}
		return k
	}
	in := newInbox()
	_, ok := in.take()
	require.False(t, ok)
	in.put(batch{keys: of(), upTo: 1, since: now.Add(-time.Hour)})
	in.put(batch{keys: of("a"), upTo: 2, version: 2, since: now.Add(-time.Minute)})
	in.put(batch{keys: of("b"), upTo: 3, version: 3, since: now.Add(-time.Second)})
	in.put(batch{keys: of(), upTo: 4, since: now})
	b, ok := in.take()
	require.True(t, ok)
	c := b.change()
	require.Equal(t, pglogrepl.LSN(4), b.upTo)
	require.Equal(t, uint64(3), c.Version)
	require.ElementsMatch(t, []string{"a", "b"}, names(c))
	require.GreaterOrEqual(t, c.Behind, time.Minute)
	require.Less(t, c.Behind, time.Hour)

	in.put(batch{keys: of("a", "b"), upTo: 5, version: 5})
	in.put(batch{keys: of("c"), upTo: 6, version: 6})
	b, _ = in.take()
	require.True(t, b.change().All)
	require.Empty(t, b.change().Keys)
	require.Equal(t, uint64(6), b.change().Version)
}
