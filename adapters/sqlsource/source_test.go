package sqlsource

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := Options{DSN: "sqlite:x.db", Query: ":key", Timeout: 1, MaxBytes: 1, MaxConns: 1}
	s, err := New(good)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for want, change := range map[string]func(*Options){
		"DSN is empty":               func(o *Options) { o.DSN = "" },
		"DSN must have the scheme":   func(o *Options) { o.DSN = "hidden://hidden" },
		"DSN must name a file":       func(o *Options) { o.DSN = "sqlite::memory:" },
		"DSN cannot be parsed":       func(o *Options) { o.DSN = "postgres://hidden:hidden@h:port/d" },
		"Query must contain :key":    func(o *Options) { o.Query = "hidden" },
		"Timeout is 0s":              func(o *Options) { o.Timeout = 0 },
		"MaxBytes is 0":              func(o *Options) { o.MaxBytes = 0 },
		"MaxConns is 0":              func(o *Options) { o.MaxConns = 0 },
		"MaxIdle is 2":               func(o *Options) { o.MaxIdle = 2 },
		"IdleTime and Lifetime must": func(o *Options) { o.Lifetime = -1 },
		"Batch is 1001":              func(o *Options) { o.Batch = 1001 },
		"BatchWait is -1ns":          func(o *Options) { o.BatchWait = -1 },
	} {
		o := good
		change(&o)
		_, err := New(o)
		require.ErrorContains(t, err, "sqlsource: "+want)
		require.NotContains(t, err.Error(), "hidden")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestSQLiteAnswersOneKeyOrMany(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (7, NULL)")
	one := newSource(t, dsn, "SELECT name FROM t WHERE id = :key")
	v, err := load(t, one, "2")
	require.NoError(t, err)
	require.Equal(t, domain.Value{Body: "b", ContentType: textType}, v)
	for _, name := range []string{"3", "abc", "2abc", "1 OR 1=1"} {
		_, err = load(t, one, name)
		require.ErrorIs(t, err, domain.ErrNotFound, name)
	}
	n, wait := one.Batch()
	require.Equal(t, 1, n)
	require.Zero(t, wait)
	require.Equal(t, "a b (no such key)", shown(one.LoadMany(t.Context(), keys(t, "1", "2", "3"))))

	for _, query := range []string{
		"SELECT id AS _key, name, id * 2 AS twice FROM t WHERE id IN (:keys)",
		"SELECT id AS _key, name, id * 2 AS twice FROM t WHERE id = ANY(:keys)",
	} {
		many := newSource(t, dsn, query, func(o *Options) { o.Batch, o.BatchWait = 3, time.Second })
		n, wait = many.Batch()
		require.Equal(t, 3, n)
		require.Equal(t, time.Second, wait)
		require.Equal(t, `{"name":null,"twice":14} (no such key) {"name":"a","twice":2} (no such key) {"name":"b","twice":4} {"name":"a","twice":2}`,
			shown(many.LoadMany(t.Context(), keys(t, "7", "x", "1", "02", "2", "1"))))
		require.Equal(t, `{"name":"b","twice":4}`, body(t, many, "2"))
		require.Empty(t, many.LoadMany(t.Context(), nil))
	}
}

func TestEachStatementButTheFirstIsTold(t *testing.T) {
	repeated := 0
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
	s := newSource(t, dsn, "SELECT id AS _key, name FROM t WHERE id = ANY(:keys)", func(o *Options) {
		o.Batch, o.Repeated = 2, func() { repeated++ }
	})
	s.LoadMany(t.Context(), numbers(t, 2))
	require.Zero(t, repeated)
	s.LoadMany(t.Context(), numbers(t, 5))
	require.Equal(t, 2, repeated)
}

func TestMoreThanOneRowForAKeyIsAFailureOfThatKey(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER, name TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (1, 'a'), (1, 'c')")
	_, err := load(t, newSource(t, dsn, "SELECT name FROM t WHERE id = :key"), "1")
	require.ErrorIs(t, err, domain.ErrSourceFailed)
	require.EqualError(t, err, "source failed: more than one row for the key")
	many := newSource(t, dsn, "SELECT id _key, name FROM t WHERE id IN (:keys)")
	require.Equal(t, "(source failed: more than one row for the key) b", shown(many.LoadMany(t.Context(), keys(t, "1", "2"))))
}

func TestTheKeyColumnGuardsOneKeyToo(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id TEXT COLLATE NOCASE, name TEXT)", "INSERT INTO t VALUES ('a', 'x')")
	require.Equal(t, "x", body(t, newSource(t, dsn, "SELECT name FROM t WHERE id = :key"), "A"))
	_, err := load(t, newSource(t, dsn, "SELECT id _key, name FROM t WHERE id = :key"), "A")
	require.ErrorIs(t, err, domain.ErrNotFound)
}

func TestAQueryThatCannotMakeValuesFailsClearly(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER, name TEXT)", "INSERT INTO t VALUES (1, 'a')")
	for query, want := range map[string]string{
		"SELECT name FROM t WHERE id IN (:keys)":                "the query has no column _key, which tells the rows of :keys apart",
		"SELECT id _key, 1 _ttl FROM t WHERE id IN (:keys)":     "the query has no column for the value, only special ones",
		"SELECT name, id, name FROM t WHERE id = :key":          "two columns of the query have the same name, the second is column 3",
		"SELECT name, 1 _ttl, 2 _TTL FROM t WHERE id = :key":    "two columns of the query have the same name, the second is column 3",
		"SELECT hidden FROM t WHERE id = :key":                  "SQLite code 1",
		"SELECT name, 'x' _ttl FROM t WHERE id = :key":          "column _ttl is neither a number of seconds nor a duration like 90s",
		"SELECT name, '\x01' _tags FROM t WHERE id = :key":      "column _tags is neither an array of tags nor a list with commas",
		"SELECT name, -1 _version FROM t WHERE id = :key":       "column _version is not a number from 0 to 18446744073709551615",
		"SELECT name, ' ' _content_type FROM t WHERE id = :key": "column _content_type is not a media type",
		"SELECT id, CAST(x'ff' AS TEXT) a FROM t WHERE id=:key": "a column has text that is not UTF-8 (column 2)",
		"SELECT '{' AS \"a:json\" FROM t WHERE id = :key":       "a column has JSON that is not valid (column 1)",
	} {
		var log journal
		s := newSource(t, dsn, query, func(o *Options) { o.Logger = log.logger() })
		_, err := load(t, s, "1")
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		require.EqualError(t, err, "source failed: "+want, query)
	}
}

func TestSpecialColumnsSayWhatHoldsForTheValue(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
	for columns, want := range map[string]domain.Value{
		"'b' a, 90 _ttl":                         {Body: "b", ContentType: textType, TTL: 90 * time.Second},
		"'b' a, 0.25 _ttl":                       {Body: "b", ContentType: textType, TTL: 250 * time.Millisecond},
		"'b' a, '1m30s' _ttl":                    {Body: "b", ContentType: textType, TTL: 90 * time.Second},
		"'b' a, 0 _ttl":                          {Body: "b", ContentType: textType, TTL: -1},
		"'b' a, -5 _ttl":                         {Body: "b", ContentType: textType, TTL: -1},
		"'b' a, '-1h' _ttl":                      {Body: "b", ContentType: textType, TTL: -1},
		"'b' a, 1e300 _ttl":                      {Body: "b", ContentType: textType, TTL: (1<<31 - 1) * time.Second},
		"'b' a, NULL _ttl, NULL _tags":           {Body: "b", ContentType: textType},
		"'b' a, ' y, x,x ,' _tags":               {Body: "b", ContentType: textType, Tags: domain.Tags{"x", "y"}},
		`'b' a, '["y:1", "x"]' _tags`:            {Body: "b", ContentType: textType, Tags: domain.Tags{"x", "y:1"}},
		"'b' a, 9223372036854775807 _version":    {Body: "b", ContentType: textType, Version: 9223372036854775807},
		"'b' a, '18446744073709551615' _version": {Body: "b", ContentType: textType, Version: 18446744073709551615},
		"'<b>' a, 'text/html' _content_type":     {Body: "<b>", ContentType: "text/html"},
		"x'00ff' a":                              {Body: "\x00\xff", ContentType: binaryType},
		"12 a":                                   {Body: "12", ContentType: jsonType},
		"NULL a":                                 {Body: "null", ContentType: jsonType},
		"'[1, 2]' AS \"a:json\"":                 {Body: "[1,2]", ContentType: jsonType},
		"'' a":                                   {Body: "", ContentType: textType},
	} {
		v, err := load(t, newSource(t, dsn, "SELECT "+columns+" FROM t WHERE id = :key"), "1")
		require.NoError(t, err, columns)
		require.Equal(t, want, v, columns)
	}
}

func TestValuesAreBoundedAndTheirMemoryReserved(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER, v TEXT)", "INSERT INTO t VALUES (1, printf('%.100000c', 'x')), (2, 'y'), (3, printf('%.40000c', 'z'))")
	small := newSource(t, dsn, "SELECT id _key, v FROM t WHERE id IN (:keys)", func(o *Options) { o.MaxBytes = 99_999 })
	var reserved []int64
	ctx := ports.WithReserve(t.Context(), func(_ context.Context, n int64) error { reserved = append(reserved, n); return nil })
	results := small.LoadMany(ctx, numbers(t, 3))
	require.ErrorIs(t, results[0].Err, domain.ErrSourceTooLarge)
	require.Equal(t, "y", results[1].Value.Body)
	require.Len(t, results[2].Value.Body, 40_000)
	require.Equal(t, []int64{40_000}, reserved)

	asked := 0
	ctx = ports.WithReserve(t.Context(), func(context.Context, int64) error { asked++; return domain.ErrOverloaded })
	large := newSource(t, dsn, "SELECT id _key, v FROM t WHERE id IN (:keys)")
	results = large.LoadMany(ctx, numbers(t, 3))
	require.Equal(t, domain.ErrOverloaded, results[0].Err)
	require.Equal(t, "y", results[1].Value.Body)
	require.Equal(t, domain.ErrOverloaded, results[2].Err)
	require.Equal(t, 1, asked, "the wait for memory is not repeated")
}

func TestFewDifferentStatementsAskForAnyNumberOfKeys(t *testing.T) {
	q, err := parseQuery("IN (:keys)", sqliteSyntax)
	require.NoError(t, err)
	ask := lists(q, func(int) string { return "?" })
	different := map[string]bool{}
	for n := 1; n <= maxKeys; n++ {
		names := make([]string, n)
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		text, args := ask(names)
		different[text] = true
		require.Len(t, args, strings.Count(text, "?"))
		for i, arg := range args {
			require.Equal(t, names[min(i, n-1)], arg)
		}
	}
	require.Len(t, different, len(sizes))
}

func TestTheServerHasFewTimeoutsALittleBeforeTheClientHas(t *testing.T) {
	different := make(map[time.Duration]bool)
	for d := 10 * time.Millisecond; d <= 5*time.Second; d += time.Millisecond {
		at := serverTimeout(d)
		require.Less(t, at, d)
		require.GreaterOrEqual(t, at, d*8/10)
		if d >= time.Second {
			different[at] = true
		}
	}
	require.LessOrEqual(t, len(different), 100)
	require.Equal(t, 4900*time.Millisecond, serverTimeout(5*time.Second))
	require.Equal(t, time.Millisecond, serverTimeout(0))
}
