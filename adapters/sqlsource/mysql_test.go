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
)

func TestTypesOfMySQLAsJSON(t *testing.T) {
	for _, c := range []struct {
		typeName string
		v        any
		want     string
	}{
		{"BIGINT", int64(-1), "-1"}, {"UNSIGNED BIGINT", uint64(1<<64 - 1), "18446744073709551615"}, {"FLOAT", float32(0.1), "0.1"}, {"DOUBLE", 0.1, "0.1"},
		{"DECIMAL", []byte("00012.340"), "12.340"}, {"JSON", []byte(`{"a": 1}`), `{"a":1}`}, {"BIT", []byte{1, 2}, "258"},
		{"DATETIME", []byte("2026-01-02 03:04:05.123456"), `"2026-01-02T03:04:05.123456Z"`}, {"TIMESTAMP", []byte("2026-01-02 03:04:05"), `"2026-01-02T03:04:05Z"`},
		{"DATETIME", []byte("0000-00-00 00:00:00"), `"0000-00-00 00:00:00"`}, {"DATE", []byte("2026-01-02"), `"2026-01-02"`}, {"TIME", []byte("-838:59:59"), `"-838:59:59"`},
		{"BLOB", []byte{0, 255}, `"AP8="`}, {"VARBINARY", []byte("a"), `"YQ=="`}, {"TEXT", []byte("a"), `"a"`}, {"ENUM", []byte("a"), `"a"`}, {"TEXT", nil, "null"},
	} {
		got, err := mysqlCell(c.typeName, c.v).compact()
		require.NoError(t, err)
		require.Equal(t, c.want, string(got.appendJSON(nil)), c.typeName)
	}
}

func TestTheDSNOfMySQLIsAURL(t *testing.T) {
	c, err := mysqlConfig("mysql://u:p%2Fw@h/shop?tls=skip-verify")
	require.NoError(t, err)
	require.Equal(t, "u p/w tcp h:3306 shop skip-verify", strings.Join([]string{c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.TLSConfig}, " "))
	c, err = mysqlConfig("mariadb://u@/shop?socket=/run/s")
	require.NoError(t, err)
	require.Equal(t, "unix /run/s shop", strings.Join([]string{c.Net, c.Addr, c.DBName}, " "))
	c, err = mysqlConfig("mysql://[::1]:33/")
	require.NoError(t, err)
	require.Equal(t, "[::1]:33", c.Addr)
	for _, dsn := range []string{"mysql:///shop", "mysql://h:hidden/", "mysql://h/?tls=hidden", "mysql://h/?loc=hidden"} {
		_, err := mysqlConfig(dsn)
		require.ErrorIs(t, err, errMySQL, dsn)
	}
}

// TestMariaDB is one test because a server takes long to start. The last one kills it.
func TestMariaDB(t *testing.T) {
	server := sqltest.StartMariaDB(t)
	server.Exec("CREATE TABLE products (id bigint PRIMARY KEY, name text, price decimal(40, 10))",
		"INSERT INTO products SELECT seq, CONCAT('name ', seq), seq + 0.1 FROM seq_1_to_1000",
		"INSERT INTO products VALUES (9007199254740993, 'large', 0), (9007199254740992, 'other', 0), (0, 'zero', 0)")
	for _, c := range []struct {
		name string
		test func(*testing.T, *sqltest.MariaDB)
	}{
		{"exact columns", mariaColumns},
		{"a thousand keys in few statements", mariaFewStatements},
		{"keys of the wrong type", mariaWrongType},
		{"a statement on a lock ends at the deadline on the server", mariaDeadline},
		{"a statement ends with its callers on the server", mariaCancel},
		{"the server ends statements by itself", mariaTimeout},
		{"nothing is written", mariaReadOnly},
		{"errors and log have no secrets", mariaSecrets},
		{"a crash is outlived", mariaCrash},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, server) })
	}
}

func mariaColumns(t *testing.T, server *sqltest.MariaDB) {
	server.Exec(`CREATE TABLE every (id bigint unsigned, n decimal(60, 30), z decimal(5, 2) zerofill, f double, f4 float, b bit(9), at timestamp(6), local datetime(6), day date,
		raw varbinary(9), doc json, u uuid, none text, word text)`,
		`INSERT INTO every VALUES (18446744073709551615, 123456789012345678901234567890.123456789012345678901234567890, 1.5, 0.1, 0.1, b'100000001',
		'2026-01-02 03:04:05.123456', '2026-01-02 03:04:05.5', '2026-01-02', x'00ff', '{"b": 1.0,  "a": 1}',
		'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', NULL, 'é"')`, "UPDATE every SET at = FROM_UNIXTIME(1767323045.25)")
	got := body(t, newSource(t, server.DSN(), "SELECT id, n, z, f, f4, b, local, day, raw, doc AS `doc:json`, u, none, word FROM every WHERE id = :key"), "18446744073709551615")
	require.Equal(t, `{"id":18446744073709551615,"n":123456789012345678901234567890.123456789012345678901234567890,"z":1.50,"f":0.1,"f4":0.1,"b":257,`+
		`"local":"2026-01-02T03:04:05.5Z","day":"2026-01-02","raw":"AP8=","doc":{"b":1.0,"a":1},`+
		`"u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","none":null,"word":"é\""}`, got)
	at := newSource(t, server.DSN(), "SELECT at FROM every WHERE id = :key")
	require.Equal(t, "2026-01-02T03:04:05.25Z", body(t, at, "18446744073709551615"), "a time stamp is in UTC")
}

// asked returns how many SELECTs the server has run.
func asked(t *testing.T, server *sqltest.MariaDB) (n int) {
	t.Helper()
	require.NoError(t, server.Open().QueryRowContext(t.Context(),
		"SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Com_select'").Scan(&n))
	return n
}

func mariaFewStatements(t *testing.T, server *sqltest.MariaDB) {
	for _, query := range []string{
		"SELECT id AS _key, name, price FROM products WHERE id IN (:keys)",
		"SELECT id AS _key, name, price FROM products WHERE id = ANY(:keys)",
	} {
		s := newSource(t, server.DSN(), query, func(o *Options) { o.Batch = maxKeys })
		require.Equal(t, "name 1", strings.Split(s.LoadMany(t.Context(), keys(t, "1"))[0].Value.Body, `"`)[3]) // connected
		before := asked(t, server)
		for i, r := range s.LoadMany(t.Context(), append(numbers(t, 1000), key(t, "1001"))) {
			if i == 1000 {
				require.ErrorIs(t, r.Err, domain.ErrNotFound)
				continue
			}
			require.NoError(t, r.Err)
			require.Equal(t, fmt.Sprintf(`{"name":"name %d","price":%d.1000000000}`, i+1, i+1), r.Value.Body)
		}
		require.LessOrEqual(t, asked(t, server)-before, 3, "two and the count itself")
	}
}

func mariaWrongType(t *testing.T, server *sqltest.MariaDB) {
	many := newSource(t, server.DSN(), "SELECT id AS _key, name FROM products WHERE id IN (:keys)")
	require.Equal(t, "name 1 (no such key) (no such key) (no such key) (no such key) name 4 large",
		shown(many.LoadMany(t.Context(), keys(t, "1", "abc", "2abc", "03", "99999999999999999999", "4", "9007199254740993"))))
	one := newSource(t, server.DSN(), "SELECT id AS _key, name FROM products WHERE id = :key")
	_, err := load(t, one, "2abc")
	require.ErrorIs(t, err, domain.ErrNotFound)
	require.Equal(t, "large", body(t, one, "9007199254740993"))
	without := newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key")
	for _, name := range []string{"2abc", "abc", "2'", "2 é" + strings.Repeat("x", 400)} {
		_, err := load(t, without, name)
		require.ErrorIs(t, err, domain.ErrNotFound, name)
	}
	require.Equal(t, "name 2", body(t, without, "2"))
	quoted := newSource(t, server.DSN(), `SELECT :key`)
	for _, name := range []string{`a\`, `'`, `\' OR 1=1 -- `, `é"`} {
		require.Equal(t, name, body(t, quoted, name))
	}
}

// mariaLocked holds a lock on the table, and returns a function that reports how many
// statements wait for it.
func mariaLocked(t *testing.T, server *sqltest.MariaDB) (waiting func() int) {
	t.Helper()
	db := server.Open()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.ExecContext(t.Context(), "LOCK TABLES products WRITE")
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = conn.ExecContext(context.Background(), "UNLOCK TABLES") })
	return func() (n int) {
		require.NoError(t, db.QueryRowContext(t.Context(),
			"SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%FROM products WHERE%' AND id <> connection_id()").Scan(&n))
		return n
	}
}

func mariaDeadline(t *testing.T, server *sqltest.MariaDB) {
	waiting := mariaLocked(t, server)
	s := newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key", func(o *Options) { o.Timeout = 2 * time.Second })
	ended := begin(t.Context(), t, s, "1")
	require.Eventually(t, func() bool { return waiting() == 1 || len(ended) == 1 }, patience, time.Millisecond)
	err := <-ended
	require.ErrorIs(t, err, domain.ErrTimeout)
	require.NotErrorIs(t, err, domain.ErrSourceFailed)
	require.Eventually(t, func() bool { return waiting() == 0 }, patience, time.Millisecond)
}

// mariaCancel has a statement that does not look after its client by itself.
func mariaCancel(t *testing.T, server *sqltest.MariaDB) {
	s := newSource(t, server.DSN(), "SELECT BENCHMARK(1000000000000, MD5(:key))", func(o *Options) { o.Timeout = 10 * patience })
	db := server.Open()
	running := func() (n int) {
		require.NoError(t, db.QueryRowContext(t.Context(),
			"SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%BENCHMARK%' AND id <> connection_id()").Scan(&n))
		return n
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("nobody waits any more")
	ended := begin(ctx, t, s, "1")
	require.Eventually(t, func() bool { return running() == 1 }, patience, time.Millisecond)
	cancel(cause)
	require.ErrorIs(t, <-ended, cause)
	require.Eventually(t, func() bool { return running() == 0 }, patience, time.Millisecond)
}

// mariaTimeout asks the server when it ends statements by itself.
func mariaTimeout(t *testing.T, server *sqltest.MariaDB) {
	require.Equal(t, "59.900000", body(t, newSource(t, server.DSN(), "SELECT CONCAT(@@max_statement_time) WHERE '1' = :key"), "1"))
}

func mariaReadOnly(t *testing.T, server *sqltest.MariaDB) {
	s := newSource(t, server.DSN(), "DELETE FROM products WHERE id = :key RETURNING name")
	_, err := load(t, s, "1")
	require.EqualError(t, err, "source failed: error 1792, SQLSTATE 25006")
	require.Equal(t, "name 1", body(t, newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key"), "1"))
}

func mariaSecrets(t *testing.T, server *sqltest.MariaDB) {
	var log journal
	logged := func(o *Options) { o.Logger = log.logger() }
	_, err := load(t, newSource(t, server.DSN(), "SELECT hidden FROM products WHERE id = :key", logged), "1")
	require.EqualError(t, err, "source failed: error 1054, SQLSTATE 42S22")
	_, err = load(t, newSource(t, server.DSN(), "SELECT `"+sqltest.Password+"` FROM products WHERE id = :key", logged), "1")
	require.Error(t, err)
	_, err = load(t, newSource(t, "mysql://u:"+sqltest.Password+"@127.0.0.1:1/d", "SELECT :key", logged), "1")
	require.EqualError(t, err, "source failed: cannot connect to MySQL")
	assert.Contains(t, log.String(), "hidden")
	assert.NotContains(t, log.String(), sqltest.Password)
}

func mariaCrash(t *testing.T, server *sqltest.MariaDB) {
	s := newSource(t, server.DSN(), "SELECT name FROM products WHERE id = :key")
	fill(t, s)
	waiting := mariaLocked(t, server)
	ended := begin(t.Context(), t, s, "1")
	require.Eventually(t, func() bool { return waiting() == 1 }, patience, time.Millisecond)
	server.Kill()
	require.EqualError(t, <-ended, "source failed: connection to MySQL lost")
	_, err := load(t, s, "1")
	require.EqualError(t, err, "source failed: cannot connect to MySQL")
	server.Restart()
	require.Equal(t, "name 1", body(t, s, "1"), "the first load after the restart")
}
