package sqlsource

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// database is what is different in each of them.
type database interface {
	// prepare returns a query as the database reads it.
	prepare(q query) statement

	// query runs a statement that changes nothing, and gives its result to c. It
	// returns the driver's errors.
	query(ctx context.Context, sql string, args []any, c *collector) error

	// diagnose says what an error of the driver means.
	diagnose(err error) diagnosis

	// close ends what the database runs in the background.
	close()
}

// statement returns the SQL and the parameters that ask for keys.
type statement func(keys []string) (sql string, args []any)

// diagnosis is what an error of a driver means.
type diagnosis struct {
	code    string // as the database has it, without a word about the data
	data    bool   // a key or a row is to blame, others may be right
	missing bool   // the key cannot be one of this database
	timeout bool
	large   bool // a row is too large
	lost    bool // the connection broke
	busy    bool // it takes no more connections
}

var errScheme = fmt.Errorf("%w must have the scheme postgres, postgresql, mysql, mariadb, oracle or sqlite", ErrDSN)

// open returns the database that the DSN names, its pool, which has not connected
// to anything, and the secrets in the DSN.
func open(o Options) (database, *sql.DB, syntax, []string, error) {
	scheme, _, _ := strings.Cut(o.DSN, ":")
	switch strings.ToLower(scheme) {
	case "postgres", "postgresql":
		return openPostgres(o)
	case "mysql", "mariadb":
		return openMySQL(o)
	case "oracle":
		return openOracle(o)
	case "sqlite":
		return openSQLite(o)
	}
	return nil, nil, syntax{}, nil, errScheme
}

// sizes are how many keys statements with a list ask for, so that a server sees few
// different ones.
var sizes = [...]int{1, 4, 16, 64, 256, maxKeys}

// lists returns a statement in which each key is a parameter. The last one is
// repeated up to one of the sizes.
func lists(q query, placeholder func(i int) string) statement {
	return func(keys []string) (string, []any) {
		n := len(keys)
		for _, size := range sizes {
			if size >= n {
				n = size
				break
			}
		}
		args := make([]any, n)
		for i := range args {
			args[i] = keys[min(i, len(keys)-1)]
		}
		return q.text(n, placeholder), args
	}
}

// collect gives the rows to c. convert returns what a value of a column of that type
// is.
func collect(rows *sql.Rows, c *collector, convert func(typeName string, v any) cell) error {
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	names, values := make([]string, len(types)), make([]any, len(types))
	into := make([]any, len(types))
	for i, t := range types {
		names[i], into[i] = t.Name(), &values[i]
	}
	if err := c.begin(names); err != nil {
		return err
	}
	cells := make([]cell, len(types))
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			cells[i] = convert(types[i].DatabaseTypeName(), v)
		}
		c.row(cells)
	}
	return rows.Err()
}
