package main

import (
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shop returns the DSN of a database with a few products.
func shop(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, pence INTEGER);
		INSERT INTO products VALUES (1, 'Kettle', 2990), (2, 'Cup', 450), (7, 'Pot', 1200)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return "sqlite:" + file
}

func TestADatabaseCanBeTheSource(t *testing.T) {
	t.Parallel()
	in := start(t, "--source-dsn="+shop(t), "--source-query=SELECT id AS _key, name, pence FROM products WHERE id = ANY(:keys)")
	r := in.mustGet("/data/7")
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, `{"name":"Pot","pence":1200}`, r.body)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.Equal(t, "l1", detail(in.mustGet("/data/7")))
	require.Equal(t, http.StatusNotFound, in.mustGet("/data/8").status)
	require.EqualValues(t, 2, in.metrics()["cache_misses"])
	require.Contains(t, in.log.String(), "source=sql")
}

func TestAWrongQueryStopsTheStartWithoutSayingTheDSN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		setting string
		flags   []string
	}{
		{"MLCACHE_SOURCE_QUERY", []string{"--source-dsn=postgres://u:hunter2@db/shop"}},
		{"MLCACHE_SOURCE_QUERY", []string{"--source-dsn=postgres://u:hunter2@db/shop", "--source-query=SELECT 1"}},
		{"MLCACHE_SOURCE_DSN", []string{"--source-dsn=postgres://u:hunter2@db/shop", "--source-query=SELECT 1", "--source-url=http://x/{key}"}},
		{"MLCACHE_SOURCE_DSN", []string{"--source-dsn=hunter2", "--source-query=SELECT :key"}},
		{"MLCACHE_SOURCE", []string{"--source=oracle", "--source-dsn=sqlite:x", "--source-query=SELECT :key"}},
	} {
		setting, flags := c.setting, c.flags
		c, _, err := parse(flags, io.Discard)
		if err == nil {
			_, _, err = newSource(c.Config, nil, slog.New(slog.DiscardHandler))
		}
		require.ErrorContains(t, err, setting+" (", strings.Join(flags, " "))
		require.NotContains(t, err.Error(), "hunter2")
	}
}
