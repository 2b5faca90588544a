package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const products = `CREATE TABLE products (id int PRIMARY KEY, name text, price numeric(40, 10))`

// TestPostgreSQL is one test because a server takes long to start. The last one kills it.
func TestPostgreSQL(t *testing.T) {
	server := sqltest.StartPostgres(t)
	server.Exec(products, "INSERT INTO products SELECT i, 'name ' || i, i + 0.1 FROM generate_series(1, 1000) i")
	for _, c := range []struct {
		name string
		test func(*testing.T, *sqltest.Postgres)
	}{
		{"exact columns", postgresColumns},
		{"a thousand keys in few statements", postgresFewStatements},
		{"a key of the wrong type fails alone", postgresWrongType},
		{"a row that cannot be computed fails alone", postgresBadRow},
		{"a row that is too large fails alone", postgresLargeRow},
		{"a statement on a lock ends at the deadline on the server", postgresDeadline},
		{"a statement on a lock ends with its callers on the server", postgresCancel},
		{"the server ends statements by itself", postgresTimeout},
		{"nothing is written", postgresReadOnly},
		{"errors and log have no secrets", postgresSecrets},
		{"PgBouncer", postgresBouncer},
		{"a crash is outlived", postgresCrash},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, server) })
	}
}

func postgresColumns(t *testing.T, server *sqltest.Postgres) {
	server.Exec(`CREATE TABLE every (id bigint, n numeric, f float8, f4 float4, b bool, at timestamptz, local timestamp, day date,
		raw bytea, doc json, docb jsonb, u uuid, ints int[], texts text[], none text, word text)`,
		`INSERT INTO every VALUES (9223372036854775807, 12345678901234567890.123456789012345678901234567890, 0.1, 0.1, true,
		'2026-01-02 03:04:05.123456+02', '2026-01-02 03:04:05', '2026-01-02', '\x00ff', '{"b": 1.0,  "a": 1}', '{"b": 1.0, "a": 1}',
		'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{{1,2},{3,NULL}}', '{a,"b c","\""}', NULL, 'é"')`)
	require.Equal(t, `{"id":9223372036854775807,"n":12345678901234567890.123456789012345678901234567890,"f":0.1,"f4":0.1,"b":true,`+
		`"at":"2026-01-02T01:04:05.123456Z","local":"2026-01-02T03:04:05Z","day":"2026-01-02","raw":"AP8=","doc":{"b":1.0,"a":1},"docb":{"a":1,"b":1.0},`+
		`"u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","ints":[[1,2],[3,null]],"texts":["a","b c","\""],"none":null,"word":"é\""}`,
		body(t, newSource(t, server.DSN(), "SELECT * FROM every WHERE id = :key"), "9223372036854775807"))
	v, err := load(t, newSource(t, server.DSN(), "SELECT raw, 1.5 _ttl, texts[:1] _tags, id _version FROM every WHERE id = :key"), "9223372036854775807")
	require.NoError(t, err)
	require.Equal(t, domain.Value{Body: "\x00\xff", ContentType: binaryType, TTL: 1500 * time.Millisecond, Tags: domain.Tags{"a"}, Version: 1<<63 - 1}, v)
}

// statements returns how often the server ran statements that have part in them.
func statements(t *testing.T, server *sqltest.Postgres, part string) (n int) {
	t.Helper()
	require.NoError(t, server.Open().QueryRowContext(t.Context(),
		"SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE '%' || $1 || '%' AND query NOT LIKE '%pg_stat%'", part).Scan(&n))
	return n
}

func postgresFewStatements(t *testing.T, server *sqltest.Postgres) {
	for _, query := range []string{
		"SELECT id AS _key, name, price /* any */ FROM products WHERE id = ANY(:keys)",
		"SELECT id AS _key, name, price, 1 AS in FROM products WHERE id IN (:keys)",
	} {
		server.Exec("SELECT pg_stat_statements_reset()")
		s := newSource(t, server.DSN(), query)
		for i, r := range s.LoadMany(t.Context(), append(numbers(t, 1000), key(t, "1001"))) {
			if i == 1000 {
				require.ErrorIs(t, r.Err, domain.ErrNotFound)
				continue
			}
			require.NoError(t, r.Err)
			require.True(t, strings.HasPrefix(r.Value.Body, fmt.Sprintf(`{"name":"name %d","price":%d.1000000000`, i+1, i+1)), r.Value.Body)
		}
		require.Equal(t, 11, statements(t, server, "FROM products"))
	}
}

func postgresWrongType(t *testing.T, server *sqltest.Postgres) {
	repeated := 0
	s := newSource(t, server.DSN(), "SELECT id AS _key, name FROM products WHERE id = ANY(:keys)", func(o *Options) { o.Repeated = func() { repeated++ } })
	require.Equal(t, "name 1 name 2 (no such key) name 3 (no such key) (no such key) name 4",
		shown(s.LoadMany(t.Context(), keys(t, "1", "2", "abc", "3", "99999999999", "04", "4"))))
	server.Exec("SELECT pg_stat_statements_reset()")
	repeated = 0
	for i, r := range s.LoadMany(t.Context(), append(numbers(t, 99), key(t, "abc"))) {
		require.Equal(t, i == 99, r.Err != nil, i)
	}
	require.LessOrEqual(t, statements(t, server, "FROM products"), 8, "halves, not keys")
	require.Equal(t, 14, repeated, "two halves of 100, 50, 25, 13, 7, 4 and 2 keys")
	_, err := load(t, newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key"), "abc")
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = load(t, newSource(t, server.DSN(), "SELECT name FROM products WHERE id = CAST(:key::text AS int)"), "abc")
	require.EqualError(t, err, "source failed: SQLSTATE 22P02")
}

func postgresBadRow(t *testing.T, server *sqltest.Postgres) {
	s := newSource(t, server.DSN(), "SELECT id AS _key, 6 / (id - 3) AS v FROM products WHERE id = ANY(:keys)")
	require.Equal(t, "-3 -6 (source failed: SQLSTATE 22012) 6 3", shown(s.LoadMany(t.Context(), numbers(t, 5))))
}

func postgresLargeRow(t *testing.T, server *sqltest.Postgres) {
	var log journal
	s := newSource(t, server.DSN(), "SELECT id AS _key, CASE id WHEN 2 THEN repeat('x', 9000000) ELSE name END FROM products WHERE id = ANY(:keys)",
		func(o *Options) { o.Logger = log.logger() })
	results := s.LoadMany(t.Context(), numbers(t, 3))
	require.Equal(t, domain.ErrSourceTooLarge, results[1].Err)
	require.Equal(t, "name 1 name 3", shown([]ports.Loaded{results[0], results[2]}))
	require.Contains(t, log.String(), "row too large", "it was not read as a whole")
}

// locked holds a lock on the table, and returns a function that reports how many
// statements wait for it.
func locked(t *testing.T, server *sqltest.Postgres) (waiting func() int) {
	t.Helper()
	t.Cleanup(server.Lock("products"))
	return server.Waiting("FROM products")
}

func postgresDeadline(t *testing.T, server *sqltest.Postgres) {
	waiting := locked(t, server)
	s := newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key", func(o *Options) { o.Timeout = 2 * time.Second })
	ended := begin(t.Context(), t, s, "1")
	require.Eventually(t, func() bool { return waiting() == 1 || len(ended) == 1 }, patience, time.Millisecond)
	err := <-ended
	require.ErrorIs(t, err, domain.ErrTimeout)
	require.NotErrorIs(t, err, domain.ErrSourceFailed)
	require.Eventually(t, func() bool { return waiting() == 0 }, patience, time.Millisecond)
}

func postgresCancel(t *testing.T, server *sqltest.Postgres) {
	waiting := locked(t, server)
	s := newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("nobody waits any more")
	ended := begin(ctx, t, s, "1")
	require.Eventually(t, func() bool { return waiting() == 1 }, patience, time.Millisecond)
	cancel(cause)
	require.ErrorIs(t, <-ended, cause)
	require.Eventually(t, func() bool { return waiting() == 0 }, patience, time.Millisecond)
}

// postgresTimeout asks the server when it ends the statement by itself: before ctx does.
func postgresTimeout(t *testing.T, server *sqltest.Postgres) {
	s := newSource(t, server.DSN(), "SELECT extract(epoch FROM current_setting('statement_timeout')::interval) BETWEEN 0.001 AND :key::numeric")
	require.Equal(t, "true", body(t, s, "59.9"))
}

func postgresReadOnly(t *testing.T, server *sqltest.Postgres) {
	s := newSource(t, server.DSN(), "DELETE FROM products WHERE id = :key RETURNING name")
	_, err := load(t, s, "1")
	require.EqualError(t, err, "source failed: SQLSTATE 25006")
	require.Equal(t, "name 1", body(t, newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key"), "1"))
	_, err = load(t, newSource(t, server.DSN(), "DO $$ BEGIN PERFORM 1; END $$ -- :key\n:key"), "1")
	require.ErrorIs(t, err, domain.ErrSourceFailed)
}

func postgresSecrets(t *testing.T, server *sqltest.Postgres) {
	var log journal
	logged := func(o *Options) { o.Logger = log.logger() }
	s := newSource(t, server.DSN(), "SELECT hidden FROM products WHERE id = :key", logged)
	for range 3 {
		_, err := load(t, s, "1")
		require.EqualError(t, err, "source failed: SQLSTATE 42703")
	}
	assert.Equal(t, 1, strings.Count(log.String(), "hidden"), "%s", log.String())
	s = newSource(t, server.DSN(), "SELECT '"+sqltest.Password+"'::int + :key::int", logged)
	_, err := load(t, s, "1")
	require.EqualError(t, err, "source failed: SQLSTATE 22P02")
	assert.Contains(t, log.String(), "[redacted]")
	s = newSource(t, "postgres://u:"+sqltest.Password+"@127.0.0.1:1/d", "SELECT :key", logged)
	_, err = load(t, s, "1")
	require.EqualError(t, err, "source failed: cannot connect to PostgreSQL")
	assert.NotContains(t, log.String(), sqltest.Password)
}

func postgresBouncer(t *testing.T, server *sqltest.Postgres) {
	bouncer := sqltest.StartPgBouncer(t, server)
	s := newSource(t, bouncer.DSN(), "SELECT id AS _key, name FROM products WHERE id = ANY(:keys)")
	for i := range 20 {
		ended, some := make(chan string, 4), keys(t, "1", "abc", fmt.Sprint(i+2))
		for range cap(ended) {
			go func() { ended <- shown(s.LoadMany(t.Context(), some)) }()
		}
		for range cap(ended) {
			require.Equal(t, fmt.Sprintf("name 1 (no such key) name %d", i+2), <-ended)
		}
	}
	waiting := locked(t, server)
	ctx, cancel := context.WithCancel(t.Context())
	ended := begin(ctx, t, s, "1")
	require.Eventually(t, func() bool { return waiting() == 1 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool { return waiting() == 0 }, patience, time.Millisecond)
}

func postgresCrash(t *testing.T, server *sqltest.Postgres) {
	s := newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key")
	fill(t, s)
	waiting := locked(t, server)
	ended := begin(t.Context(), t, s, "1")
	require.Eventually(t, func() bool { return waiting() == 1 }, patience, time.Millisecond)
	server.Kill()
	err := <-ended
	require.ErrorIs(t, err, domain.ErrSourceFailed)
	assert.Contains(t, []string{"source failed: connection to PostgreSQL lost", "source failed: SQLSTATE 57P01", "source failed: SQLSTATE 57P02"}, err.Error())
	_, err = load(t, s, "1")
	require.EqualError(t, err, "source failed: cannot connect to PostgreSQL")
	server.Restart()
	require.Equal(t, "name 1", body(t, s, "1"), "the first load after the restart")
}
