package sqlsource

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sijms/go-ora/v2/network"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestTypesOfOracleAsJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("", 7200))
	for _, c := range []struct {
		typeName string
		v        any
		want     string
	}{
		{"NUMBER", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
		{"NUMBER", "-.5", "-0.5"}, {"NUMBER", "0.10", "0.10"}, {"NUMBER", nil, "null"},
		{"NCHAR", "12", `"12"`}, {"CHAR", "é", `"é"`}, {"OCIClobLocator", "c", `"c"`}, {"OCIBlobLocator", []byte{0, 255}, `"AP8="`}, {"RAW", []byte{1}, `"AQ=="`},
		{"IBFloat", float32(0.1), "0.1"}, {"IBDouble", 0.1, "0.1"}, {"Boolean", true, "true"},
		{"DATE", at, `"2026-01-02T03:04:05.123456789Z"`}, {"TimeStampDTY", at, `"2026-01-02T03:04:05.123456789Z"`},
		{"TimeStampTZ_DTY", at, `"2026-01-02T03:04:05.123456789+02:00"`}, {"TimeStampLTZ_DTY", at, `"2026-01-02T01:04:05.123456789Z"`},
		{oracleJSON, `{"a": 1}`, `{"a":1}`},
	} {
		got, err := oracleCell(c.typeName, c.v).compact()
		require.NoError(t, err)
		require.Equal(t, c.want, string(got.appendJSON(nil)), c.typeName)
	}
}

func TestStatementsForOracle(t *testing.T) {
	d := &oracleDB{}
	for query, want := range map[string]string{
		"SELECT n FROM t WHERE id = :key":         "SELECT n FROM t WHERE id = :1",
		"SELECT n FROM t WHERE id IN (:keys)":     "SELECT n FROM t WHERE id IN (:1)",
		"SELECT n FROM t WHERE id = ANY (:keys)":  "SELECT n FROM t WHERE id = ANY (:1)",
		"SELECT q'[:key]' FROM t WHERE id = :key": "SELECT q'[:key]' FROM t WHERE id = :1",
	} {
		q, err := parseQuery(query, oracleSyntax)
		require.NoError(t, err)
		text, args := d.prepare(q)([]string{"a"})
		require.Equal(t, want, text)
		require.Equal(t, []any{"a"}, args)
	}
	q, err := parseQuery("IN (:keys)", oracleSyntax)
	require.NoError(t, err)
	text, args := d.prepare(q)([]string{"a", "b", "c"})
	require.Equal(t, "IN (:1, :2, :3, :4)", text)
	require.Equal(t, []any{"a", "b", "c", "c"}, args)
}

func TestErrorsOfOracle(t *testing.T) {
	for n, want := range map[int]diagnosis{
		942: {code: "ORA-00942"}, 1722: {code: "ORA-01722", data: true}, 1861: {code: "ORA-01861", data: true},
		1013: {code: "ORA-01013", timeout: true}, 3113: {code: "ORA-03113", lost: true}, 12541: {code: "ORA-12541", lost: true}, 18: {code: "ORA-00018", busy: true}, 12519: {code: "ORA-12519", busy: true, lost: true},
	} {
		require.Equal(t, want, (&oracleDB{}).diagnose(&network.OracleError{ErrCode: n}))
	}
	require.Equal(t, diagnosis{code: "connection to Oracle lost", lost: true}, (&oracleDB{}).diagnose(errors.New("hidden")))
	_, err := load(t, newSource(t, "oracle://u:hidden@127.0.0.1:1/d", "SELECT :key FROM dual"), "1")
	require.EqualError(t, err, "source failed: connection to Oracle lost")
}

// TestOracle runs on a database that need not have any table.
func TestOracle(t *testing.T) {
	dsn := os.Getenv("MLCACHE_TEST_ORACLE_DSN")
	if dsn == "" {
		t.Skip("NOT TESTED: no Oracle (set MLCACHE_TEST_ORACLE_DSN)")
	}
	const table = "(SELECT LEVEL AS id, LEVEL / 8 AS price, DATE '2026-01-02' AS day FROM dual CONNECT BY LEVEL <= 1000)"
	one := newSource(t, dsn, "SELECT id, price, day FROM "+table+" WHERE id = :key")
	require.Equal(t, `{"ID":4,"PRICE":0.5,"DAY":"2026-01-02T00:00:00Z"}`, body(t, one, "4"))
	_, err := load(t, one, "1001")
	require.ErrorIs(t, err, domain.ErrNotFound)
	many := newSource(t, dsn, `SELECT id AS "_key", price FROM `+table+" WHERE id IN (:keys)")
	require.Equal(t, "0.125 (source failed: ORA-01722) 0.375", shown(many.LoadMany(t.Context(), keys(t, "1", "abc", "3"))))
	for _, r := range many.LoadMany(t.Context(), numbers(t, 1000)) {
		require.NoError(t, r.Err)
	}
	slow := newSource(t, dsn, "SELECT COUNT(*) FROM all_objects, all_objects, all_objects WHERE :key = '1'", func(o *Options) { o.Timeout = time.Second })
	_, err = load(t, slow, "1")
	require.ErrorIs(t, err, domain.ErrTimeout)
}
