package embedded

import (
	"errors"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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

// errDamaged says that a table has what this program never writes.
var errDamaged = errors.New("it is damaged")

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

func isFull(err error) bool  { return is(err, sqlite3.SQLITE_FULL) }
func isInUse(err error) bool { return is(err, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) }

// isDamaged includes the errors of statements that do not fit the tables: the
// statements are constants, so the tables are not those of this program.
func isDamaged(err error) bool {
	return errors.Is(err, errDamaged) || is(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG)
}

// passes tells failures of the disk from wrong settings.
func passes(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EIO) ||
		is(err, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
}
