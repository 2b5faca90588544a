package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	pageBytes = 8 << 10
	// formVersion is the user_version of the file. Files of another version are
	// discarded.
	formVersion = 1
)

// setUp prepares a connection. No mmap: when a disk is full, the kernel ends
// processes that touch a mapped page by SIGBUS. The exclusive lock keeps other
// processes out. Nothing is synced, see boot.go for what a power cut does. The
// journal keeps its size between transactions, so that rows can be deleted on a
// full disk.
const setUp = `
PRAGMA busy_timeout=0;
PRAGMA page_size=8192;
PRAGMA mmap_size=0;
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA journal_mode=PERSIST;
PRAGMA journal_size_limit=1048576;
PRAGMA synchronous=OFF;
PRAGMA temp_store=MEMORY;
PRAGMA cache_size=-2048;
`

const schema = `
CREATE TABLE IF NOT EXISTS entry(
	id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, deadline INTEGER NOT NULL, sum INTEGER NOT NULL, form BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entry_deadline ON entry(deadline);
CREATE TABLE IF NOT EXISTS unclean(boot TEXT NOT NULL);
PRAGMA user_version=1;
`

// errForm says that a file cannot be used as it is, although it is not damaged.
var errForm = errors.New("it was written by another version, or is larger than allowed")

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
	if err := rows.Scan(&r.deadline, &sum, &form); err != nil {
		return row{}, false, err
	}
	if sum != checksum(key, form, r.deadline) {
		return row{}, false, fmt.Errorf("%w: the checksum is wrong", domain.ErrUndecodable)
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
			return nil, err
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
// the way from an index to its row, are damaged.
func checksum(key string, form []byte, deadline int64) uint32 {
	sum := crc32.Update(0, castagnoli, binary.BigEndian.AppendUint64(nil, uint64(deadline)))
	sum = crc32.Update(sum, castagnoli, []byte(key))
	return crc32.Update(sum, castagnoli, form)
}

// is reports whether err is one of these results of SQLite.
func is(err error, codes ...int) bool {
	var of *sqlite.Error
	if !errors.As(err, &of) {
		return false
	}
	for _, code := range codes {
		if of.Code()&0xff == code {
			return true
		}
	}
	return false
}

func isFull(err error) bool    { return is(err, sqlite3.SQLITE_FULL) }
func isInUse(err error) bool   { return is(err, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) }
func isDamaged(err error) bool { return is(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) }
