package sqlsource

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPoolWritesToTheDatabaseOfTheDSN(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.db")
	pool, err := OpenPool("sqlite://"+file, patience)
	require.NoError(t, err)
	_, err = pool.ExecContext(t.Context(), "CREATE TABLE products (id int)")
	require.ErrorContains(t, err, "unable to open", "it makes no file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = pool.ExecContext(t.Context(), "CREATE TABLE products (id int)")
	require.NoError(t, err)
	require.NoError(t, pool.Close())
}

func TestAPoolKnowsItsKindAndItsSecrets(t *testing.T) {
	for dsn, kind := range map[string]string{
		"postgres://me:s3cret@db/shop": "postgres", "postgresql://me:s3cret@db/shop": "postgres",
		"mysql://me:s3cret@db/shop": "mysql", "mariadb://me:s3cret@db/shop": "mysql",
		"oracle://me:s3cret@db:1521/shop": "oracle", "sqlite:shop.db": "sqlite", "SQLite:shop.db": "sqlite",
	} {
		pool, err := OpenPool(dsn, patience)
		require.NoError(t, err, dsn)
		require.Equal(t, kind, pool.Kind(), dsn)
		if kind != "sqlite" {
			require.Equal(t, "[redacted] is wrong", pool.Redacted("s3cret is wrong"), dsn)
		}
		require.NoError(t, pool.Close())
	}
	for _, dsn := range []string{"", "redis://db", "mysql://"} {
		_, err := OpenPool(dsn, patience)
		require.ErrorIs(t, err, ErrDSN, dsn)
	}
}
