package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/url"
)

// table is an open SQLite file. One call at a time may use it.
type table struct {
	db   *sql.DB
	conn *sql.Conn

	prepared                                                                             []*sql.Stmt
	selectRow, insertRow, deleteRow, deleteExpired, selectOldest, deleteUpTo, countPages *sql.Stmt
}

// openTable opens the file, which is there, and locks it.
func openTable(path string, pages int64) (*table, error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String())
	if err != nil {
		return nil, err
	}
	t := &table{db: db}
	if err := t.start(context.Background(), pages); err != nil {
		_ = t.close()
		return nil, err
	}
	return t, nil
}

func (t *table) start(ctx context.Context, pages int64) (err error) {
	if t.conn, err = t.db.Conn(ctx); err != nil {
		return err
	}
	if err := t.exec(ctx, setUp, fmt.Sprintf("PRAGMA max_page_count=%d", pages), "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	var version, size int64
	if err := t.conn.QueryRowContext(ctx, "SELECT user_version, page_count FROM pragma_user_version, pragma_page_count").Scan(&version, &size); err != nil {
		return err
	}
	if version != formVersion && version != 0 || size > pages {
		return errForm
	}
	if version == 0 {
		if err := t.exec(ctx, schema); err != nil {
			return err
		}
	}
	if err := t.markOpen(ctx, bootID()); err != nil {
		return err
	}
	if err := t.exec(ctx, "COMMIT"); err != nil {
		return err
	}
	return t.prepare(ctx)
}

func (t *table) prepare(ctx context.Context) (err error) {
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&t.selectRow, "SELECT deadline, sum, form FROM entry WHERE key = ?"},
		{&t.insertRow, "INSERT OR REPLACE INTO entry(key, deadline, sum, form) VALUES(?, ?, ?, ?)"},
		{&t.deleteRow, "DELETE FROM entry WHERE key = ?"},
		{&t.deleteExpired, "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE deadline <= ? ORDER BY deadline LIMIT ?)"},
		{&t.selectOldest, "SELECT id, length(form) FROM entry ORDER BY id LIMIT 64"},
		{&t.deleteUpTo, "DELETE FROM entry WHERE id <= ?"},
		{&t.countPages, "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count"},
	} {
		if *s.to, err = t.conn.PrepareContext(ctx, s.query); err != nil {
			return err
		}
		t.prepared = append(t.prepared, *s.to)
	}
	return nil
}

func (t *table) exec(ctx context.Context, queries ...string) error {
	for _, query := range queries {
		if _, err := t.conn.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) get(ctx context.Context, key string) (r row, ok bool, err error) {
	rows, err := t.selectRow.QueryContext(ctx, key)
	if err != nil {
		return row{}, false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return row{}, false, rows.Err()
	}
	var form sql.RawBytes
	var sum uint32
	if err := rows.Scan(&r.deadline, &sum, &form); err != nil || sum != checksum(key, form, r.deadline) {
		return row{}, false, fmt.Errorf("%w: the checksum of a row is wrong", errDamaged)
	}
	r.form = string(form)
	return r, true, nil
}

func (t *table) put(ctx context.Context, key string, form []byte, deadline int64) error {
	_, err := t.insertRow.ExecContext(ctx, key, deadline, checksum(key, form, deadline), form)
	return err
}

func (t *table) remove(ctx context.Context, key string) error {
	_, err := t.deleteRow.ExecContext(ctx, key)
	return err
}

// expire deletes at most n rows whose deadline has passed.
func (t *table) expire(ctx context.Context, now int64, n int) (int64, error) {
	return affected(t.deleteExpired.ExecContext(ctx, now, n))
}

// evict deletes rows that were written longest ago, until about so many bytes are
// free. When the journal cannot grow either, one row is all that can be deleted.
func (t *table) evict(ctx context.Context, bytes int64) (int64, error) {
	ids, err := t.oldest(ctx, bytes)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	n, err := affected(t.deleteUpTo.ExecContext(ctx, ids[len(ids)-1]))
	if isFull(err) {
		return affected(t.deleteUpTo.ExecContext(ctx, ids[0]))
	}
	return n, err
}

func (t *table) oldest(ctx context.Context, bytes int64) (ids []int64, err error) {
	rows, err := t.selectOldest.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for bytes > 0 && rows.Next() {
		var id, size int64
		if err := rows.Scan(&id, &size); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
		ids = append(ids, id)
		bytes -= size
	}
	return ids, rows.Err()
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// pages returns how many pages the file has, and how many of them are free.
func (t *table) pages(ctx context.Context) (all, free int64, err error) {
	err = t.countPages.QueryRowContext(ctx).Scan(&all, &free)
	return all, free, err
}

// close releases the lock, which SQLite keeps while a statement is open.
func (t *table) close() error {
	for _, s := range t.prepared {
		_ = s.Close()
	}
	if t.conn != nil {
		_ = t.conn.Close()
	}
	return t.db.Close()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers all of a row: SQLite does not notice when bytes of a value, or
// the way from an index to its row, are damaged. When one is wrong, others may be,
// and a new row may not replace the damaged one: so it counts as a damaged file.
func checksum(key string, form []byte, deadline int64) uint32 {
	sum := crc32.Update(0, castagnoli, binary.BigEndian.AppendUint64(nil, uint64(deadline)))
	sum = crc32.Update(sum, castagnoli, []byte(key))
	return crc32.Update(sum, castagnoli, form)
}
