package sqlsource

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePlaceholderIsFoundOutsideOfLiteralsNamesAndComments(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT a FROM t WHERE k = :key":           "SELECT a FROM t WHERE k = «one»",
		"SELECT a FROM t WHERE k IN (:keys) AND b": "SELECT a FROM t WHERE k IN («list») AND b",
		":key":              "«one»",
		"a=:key::text":      "a=«one»::text",
		"ANY(:keys::int[])": "ANY(«list»::int[])",
		"':key' \":key\" -- :key\n /* :key */ :key": "':key' \":key\" -- :key\n /* :key */ «one»",
		"'it''s :key' :keys":                        "'it''s :key' «list»",
		`"a"":key" :key`:                            `"a"":key" «one»`,
		"a::key, :key":                              "a::key, «one»",
		"a::key::keys = :key":                       "a::key::keys = «one»",
		":keyx :key_ :keys2 :kéy :keyé :KEY :key":   ":keyx :key_ :keys2 :kéy :keyé :KEY «one»",
		"1 - :key -- the end":                       "1 - «one» -- the end",
		`'a\' :key`:                                 `'a\' «one»`,
		"a[:key]":                                   "a[«one»]",
	} {
		q, err := parseQuery(sql, syntax{})
		require.NoError(t, err, sql)
		require.Equal(t, want, marked(q), sql)
	}
}

func marked(q query) string {
	if q.list {
		return q.before + "«list»" + q.after
	}
	return q.before + "«one»" + q.after
}

func TestEachDatabaseQuotesInItsOwnWay(t *testing.T) {
	for _, c := range []struct {
		s         syntax
		sql, want string
	}{
		{pgSyntax, "$$ :key $$ :key", "$$ :key $$ «one»"},
		{pgSyntax, "$a$ $$ :key $b$ $a$ :key", "$a$ $$ :key $b$ $a$ «one»"},
		{pgSyntax, "$1 :key $1", "$1 «one» $1"},
		{pgSyntax, "a$b$ :key", "a$b$ «one»"},
		{pgSyntax, `E'\' :key' :key`, `E'\' :key' «one»`},
		{pgSyntax, `date'\' :key`, `date'\' «one»`},
		{pgSyntax, "/* /* :key */ :key */ :key", "/* /* :key */ :key */ «one»"},
		{pgSyntax, "a # :key", "a # «one»"},
		{mysqlSyntax, `'\' :key' "\":key" :key`, `'\' :key' "\":key" «one»`},
		{mysqlSyntax, "`:key` # :key\n:key", "`:key` # :key\n«one»"},
		{mysqlSyntax, "/* /* */ :key", "/* /* */ «one»"},
		{sqliteSyntax, "[:key] `:key` :key", "[:key] `:key` «one»"},
		{oracleSyntax, "q'[:key'' ]' nQ'{:key'}' q'!:key!' :key", "q'[:key'' ]' nQ'{:key'}' q'!:key!' «one»"},
		{oracleSyntax, "seq'[:key]' :key", "seq'[:key]' «one»"},
	} {
		q, err := parseQuery(c.sql, c.s)
		require.NoError(t, err, c.sql)
		require.Equal(t, c.want, marked(q), c.sql)
	}
}

func TestAQueryHasExactlyOnePlaceholder(t *testing.T) {
	for sql, want := range map[string]error{
		"":              errNoPlaceholder,
		"SELECT 1":      errNoPlaceholder,
		"SELECT ':key'": errNoPlaceholder,
		"a::key":        errNoPlaceholder,
		":key :key":     errTwoOfThem,
		":keys :key":    errTwoOfThem,
		"':key":         errUnterminated,
		":key /* ":      errUnterminated,
		"\"a\"\" :key":  errUnterminated,
		"/* /* */ :key": errUnterminated,
		"$x$ :key $y$":  errUnterminated,
	} {
		_, err := parseQuery(sql, pgSyntax)
		require.Equal(t, want, err, sql)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestAListIsWrittenAsTheDatabaseReadsIt(t *testing.T) {
	mark := func(int) string { return "?" }
	for sql, want := range map[string]string{
		"WHERE k IN (:keys) x":    "WHERE k IN (?, ?) x",
		"WHERE k = ANY(:keys)":    "WHERE k  IN (?, ?)",
		"WHERE k=any ( :keys )":   "WHERE k IN (?, ?)",
		"WHERE k = ANY(f(:keys))": "WHERE k = ANY(f(?, ?))",
		"WHERE many(:keys)":       "WHERE many(?, ?)",
	} {
		q, err := parseQuery(sql, mysqlSyntax)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(want, " )", ")"), strings.ReplaceAll(q.withoutAny().text(2, mark), " )", ")"), sql)
	}
	for sql, want := range map[string]bool{"a IN (:keys)": true, "a in\n( :keys)": true, "a NOT IN(:keys)": true, "join(:keys)": false, "= ANY(:keys)": false, "IN (:key)": false} {
		q, err := parseQuery(sql, pgSyntax)
		require.NoError(t, err)
		require.Equal(t, want, q.inList(), sql)
	}
}

func FuzzTheQueryIsKeptAroundItsPlaceholder(f *testing.F) {
	for _, seed := range []string{":key", "a ':key' \":key\" :keys", "$a$ :key $a$ :key", "/* /* */ :key", "q'[:key]' :key", "E'\\'' :key", "`#[-- :key"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, s := range []syntax{pgSyntax, mysqlSyntax, sqliteSyntax, oracleSyntax, {}} {
			q, err := parseQuery(sql, s)
			if err != nil {
				require.Equal(t, query{}, q)
				continue
			}
			name := onePlaceholder
			if q.list {
				name = listPlaceholder
			}
			require.Equal(t, sql, q.before+name+q.after)
			again, err := parseQuery(q.before+" :key "+q.after, s)
			require.NoError(t, err, "the place is still outside of everything quoted")
			require.False(t, again.list)
		}
	})
}
