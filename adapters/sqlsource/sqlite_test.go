package sqlsource

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestSQLiteColumnsAsJSON(t *testing.T) {
	dsn := sqliteFile(t, `CREATE TABLE t (id INTEGER, big BIGINT, real REAL, text TEXT, blob BLOB, yes BOOLEAN, no BOOL,
		at TIMESTAMP, day DATE, doc JSON, none TEXT, "quote "" < é" TEXT)`,
		`INSERT INTO t VALUES (1, 9223372036854775807, 0.1, 'a"\</é' || char(10, 1), x'00ff', 1, 0,
		'2026-01-02 03:04:05.123456789', '2026-01-02', '{"a": [1, 2.50]}', NULL, '')`)
	require.Equal(t, `{"id":1,"big":9223372036854775807,"real":0.1,"text":"a\"\\</é\n\u0001","blob":"AP8=","yes":true,"no":false,`+
		`"at":"2026-01-02T03:04:05.123456789Z","day":"2026-01-02","doc":{"a":[1,2.50]},"none":null,"quote \" < é":""}`,
		body(t, newSource(t, dsn, "SELECT * FROM t WHERE id = :key"), "1"))
}

func TestTheFileOfSQLiteIsAbsoluteOrRelative(t *testing.T) {
	u := sqliteFile(t, "CREATE TABLE t (id INTEGER, v TEXT)", "INSERT INTO t VALUES (1, 'found')")
	path := strings.TrimPrefix(u, "sqlite://")
	t.Chdir(filepath.Dir(strings.ReplaceAll(path, "%20", " ")))
	for _, dsn := range []string{"sqlite://" + path, "sqlite:" + path, "sqlite:" + filepath.Base(path), "SQLITE:./" + filepath.Base(path)} {
		require.Equal(t, "found", body(t, newSource(t, dsn, "SELECT v FROM t WHERE id = :key"), "1"), dsn)
	}
}

func TestNothingIsWrittenToSQLite(t *testing.T) {
	dsn := sqliteFile(t, "PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
	_, err := load(t, newSource(t, dsn, "DELETE FROM t WHERE id = :key RETURNING id"), "1")
	require.ErrorIs(t, err, domain.ErrSourceFailed)
	require.Equal(t, "1", body(t, newSource(t, dsn, "SELECT id FROM t WHERE id = :key"), "1"))
	missing := newSource(t, dsn+".missing", "SELECT :key")
	_, err = load(t, missing, "1")
	require.EqualError(t, err, "source failed: SQLite code 14")
}

func TestAStatementOfSQLiteEndsWithItsContext(t *testing.T) {
	s := newSource(t, sqliteFile(t, "CREATE TABLE t (id)"), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i <> :key",
		func(o *Options) { o.Timeout = 50 * time.Millisecond })
	_, err := load(t, s, "1")
	require.ErrorIs(t, err, domain.ErrTimeout)
	require.NotErrorIs(t, err, domain.ErrSourceFailed)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := fmt.Errorf("nobody waits any more")
	cancel(cause)
	_, err = s.Load(ctx, key(t, "1"), domain.Validator{})
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, domain.ErrSourceFailed)
}

func TestALockedSQLiteFileIsWaitedForUntilTheDeadline(t *testing.T) {
	dsn := sqliteFile(t, "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
	path := strings.NewReplacer("sqlite://", "", "%20", " ", "%25", "%").Replace(dsn)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	require.NoError(t, err)
	_, err = load(t, newSource(t, dsn, "SELECT id FROM t WHERE id = :key", func(o *Options) { o.Timeout = 50 * time.Millisecond }), "1")
	require.ErrorIs(t, err, domain.ErrTimeout)
	s := newSource(t, dsn, "SELECT id FROM t WHERE id = :key")
	go func() { time.Sleep(20 * time.Millisecond); _, _ = conn.ExecContext(context.Background(), "COMMIT") }()
	require.Equal(t, "1", body(t, s, "1"))
}
