package table

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dialect is what is different between databases.
type dialect struct {
	age     string // seconds since changed_at
	limit   string // of n rows
	remove  string // rows of a table by a list of numbers
	between string // two of them
}

func dialects(kind string) (d dialect, known bool) {
	const limit, remove, between = "LIMIT %d", "DELETE FROM %s WHERE seq IN (%s)", ","
	switch kind {
	case "postgres":
		return dialect{"extract(epoch FROM clock_timestamp() - c.changed_at)", limit, remove, between}, true
	case "mysql":
		return dialect{
			"TIMESTAMPDIFF(MICROSECOND, c.changed_at, CURRENT_TIMESTAMP(6)) / 1000000", limit,
			// Row by row: a scan, which a small table tempts to, whatever index is forced,
			// would wait for rows that are not committed.
			"DELETE c FROM (SELECT %[2]s AS seq) AS read_rows STRAIGHT_JOIN %[1]s AS c FORCE INDEX (PRIMARY) ON c.seq = read_rows.seq",
			" AS seq UNION ALL SELECT ",
		}, true
	case "sqlite":
		return dialect{"(julianday('now') - julianday(c.changed_at)) * 86400", limit, remove, between}, true
	case "oracle":
		return dialect{
			"(CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - CAST(SYS_EXTRACT_UTC(c.changed_at) AS DATE)) * 86400",
			"FETCH FIRST %d ROWS ONLY", remove, between,
		}, true
	}
	return dialect{}, false
}

// Columns of the change table, and one of the statement.
const (
	seqColumn     = "seq"
	versionColumn = "version"
	ageColumn     = "mlcache_age"
)

// read returns the first rows that are visible, one more than can be named.
func (f *Feed) read(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Timeout)
	defer cancel()
	found, err := f.opts.DB.QueryContext(ctx, fmt.Sprintf("SELECT c.*, %s AS %s FROM %s c ORDER BY c.seq "+f.dialect.limit,
		f.dialect.age, ageColumn, f.opts.Table, f.opts.MaxKeys+1))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	r, err := f.reader(found)
	if err != nil {
		return nil, err
	}
	var rows []row
	for found.Next() {
		one, err := r.row(found)
		if err != nil {
			return nil, err
		}
		rows = append(rows, one)
	}
	return rows, found.Err()
}

// reader knows where the columns are in a row. -1 is none.
type reader struct {
	feed              *Feed
	seq, version, age int
	key               []int
	values, into      []any
}

func (f *Feed) reader(found *sql.Rows) (*reader, error) {
	names, err := found.Columns()
	if err != nil {
		return nil, err
	}
	at := func(name string) int { // Oracle has names in capitals
		return slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	r := &reader{feed: f, seq: at(seqColumn), version: at(versionColumn), age: at(ageColumn), values: make([]any, len(names))}
	for i := range r.values {
		r.into = append(r.into, &r.values[i])
	}
	for _, name := range f.template.Columns() {
		i := at(name)
		if i < 0 {
			return nil, fmt.Errorf("there is no column %s, which the key needs", name)
		}
		r.key = append(r.key, i)
	}
	return r, nil
}

func (r *reader) row(found *sql.Rows) (one row, err error) {
	if err := found.Scan(r.into...); err != nil {
		return row{}, err
	}
	seq, _ := text(r.values[r.seq])
	if one.seq, err = strconv.ParseInt(seq, 10, 64); err != nil {
		return row{}, fmt.Errorf("column %s is not a whole number", seqColumn)
	}
	if r.version >= 0 && r.values[r.version] != nil {
		version, _ := text(r.values[r.version])
		if one.version, err = strconv.ParseUint(version, 10, 64); err != nil {
			return row{}, fmt.Errorf("column %s is not a number from 0 to 18446744073709551615", versionColumn)
		}
	}
	age, _ := text(r.values[r.age])
	if seconds, err := strconv.ParseFloat(age, 64); err == nil {
		one.age = max(0, time.Duration(seconds*float64(time.Second)))
	}
	values, nulls := make([]string, len(r.key)), 0
	for n, i := range r.key {
		value, ok := text(r.values[i])
		switch {
		case r.values[i] == nil:
			nulls++
		case !ok:
			return row{}, fmt.Errorf("column %s, which the key needs, is neither text nor a whole number", r.feed.template.Columns()[n])
		}
		values[n] = value
	}
	one.all = nulls == len(values)
	if nulls == 0 {
		one.key, one.ok = r.feed.template.Key(values)
	}
	return one, nil
}

// text returns a value as the database writes it; of numbers with a fraction that
// is uncertain, so it is false.
func text(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), false
	}
	return "", false
}

// chunk is how many rows a statement deletes: Oracle takes no longer list.
const chunk = 1000

// remove deletes rows, each by its number. What is not deleted comes again.
func (f *Feed) remove(ctx context.Context, rows []row) error {
	for some := range slices.Chunk(rows, chunk) {
		var list strings.Builder
		for i, r := range some {
			if i > 0 {
				list.WriteString(f.dialect.between)
			}
			list.WriteString(strconv.FormatInt(r.seq, 10))
		}
		if err := f.removeList(ctx, list.String()); err != nil {
			return err
		}
	}
	return nil
}

func (f *Feed) removeList(ctx context.Context, list string) error {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Timeout)
	defer cancel()
	_, err := f.opts.DB.ExecContext(ctx, fmt.Sprintf(f.dialect.remove, f.opts.Table, list))
	return err
}
