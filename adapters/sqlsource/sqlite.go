package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var sqliteSyntax = syntax{backticks: true, brackets: true}

type sqliteDB struct{ pool *sql.DB }

// openSQLite opens a file that is there, for reading unless o says otherwise: sqlite:///absolute/path, sqlite:relative/path.
func openSQLite(o Options) (database, *sql.DB, syntax, []string, error) {
	_, rest, _ := strings.Cut(o.DSN, ":")
	path, params, _ := strings.Cut(rest, "?")
	path, err := url.PathUnescape(strings.TrimPrefix(path, "//"))
	switch {
	case err != nil, path == "":
		return nil, nil, syntax{}, nil, fmt.Errorf("%w must name a file, as sqlite:///absolute/path or sqlite:relative/path", ErrDSN)
	case strings.HasPrefix(path, ":memory:"):
		return nil, nil, syntax{}, nil, fmt.Errorf("%w must name a file, in :memory: there is nothing to read", ErrDSN)
	}
	mode := "mode=ro&_pragma=query_only(1)"
	if o.writes {
		mode = "mode=rw"
	}
	dsn := fmt.Sprintf("file:%s?%s&_pragma=busy_timeout(%d)", (&url.URL{Path: path}).EscapedPath(), mode, o.Timeout.Milliseconds())
	if params != "" {
		dsn += "&" + params
	}
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, nil, syntax{}, nil, fmt.Errorf("%w cannot be parsed", ErrDSN)
	}
	return &sqliteDB{pool: pool}, pool, sqliteSyntax, nil, nil
}

func (d *sqliteDB) close() {}

func (d *sqliteDB) prepare(q query) statement {
	return lists(q.withoutAny(), func(int) string { return "?" })
}

func (d *sqliteDB) query(ctx context.Context, text string, args []any, c *collector) error {
	rows, err := d.pool.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	return collect(rows, c, sqliteCell)
}

// sqliteCell goes by what the value is, since any column may have any, and by the
// declared type where a value of SQLite does not tell.
func sqliteCell(typeName string, v any) cell {
	c := plain(v)
	typeName, _, _ = strings.Cut(strings.ToUpper(typeName), "(")
	switch v := v.(type) {
	case string:
		if typeName == "JSON" {
			c.kind = document
		}
	case int64:
		if (typeName == "BOOLEAN" || typeName == "BOOL") && (v == 0 || v == 1) {
			return boolean(v == 1)
		}
	}
	if typeName == "DATE" {
		return dateOnly(c, v)
	}
	return c
}

func (d *sqliteDB) diagnose(err error) diagnosis {
	var of *sqlite.Error
	if !errors.As(err, &of) {
		return diagnosis{code: "no answer of SQLite"}
	}
	code := of.Code()
	return diagnosis{
		code:    fmt.Sprintf("SQLite code %d", code),
		data:    code&0xff == sqlite3.SQLITE_MISMATCH || code&0xff == sqlite3.SQLITE_ERROR,
		timeout: code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_INTERRUPT,
		large:   code&0xff == sqlite3.SQLITE_TOOBIG,
	}
}
