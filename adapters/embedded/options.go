package embedded

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options is what a Layer needs to know.
type Options struct {
	// Dir is the data directory, made when it is not there. Empty means: in
	// memory, gone with the process.
	Dir string

	// LockTTL is the life of a lease that is not renewed.
	LockTTL time.Duration

	// Cooldown is how long a failed load is remembered. Zero: only those who
	// wait for that load hear of it.
	Cooldown time.Duration

	// MaxBytes bounds the stored bytes that are still alive or kept.
	MaxBytes int64

	// MaxValueBytes bounds one body.
	MaxValueBytes int

	// Logger gets what Badger says. Nil discards it.
	Logger *slog.Logger
}

func (o Options) check() error {
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{o.LockTTL > 0, "the lock's TTL must be positive"},
		{o.Cooldown >= 0, "the cool-down must not be negative"},
		{o.MaxBytes > 0, "the bound of the stored bytes must be positive"},
		{o.MaxValueBytes > 0, "the bound of one value must be positive"},
		{o.MaxValueBytes <= maxPieces/2*pieceBytes, "the bound of one value must not be above 64 MiB"},
	} {
		if !rule.holds {
			return fmt.Errorf("embedded layer: %s", rule.says)
		}
	}
	return nil
}

// What an entry has besides its body (key, media type, tag, header) is well
// below this.
const overhead = 64 << 10

// badgerOptions makes Badger small: by default it is set up for databases much
// larger than a cache, and takes hundreds of megabytes before the first write.
func (o Options) badgerOptions() badger.Options {
	// A transaction has to be below 15 % of the memtable's size.
	memtable := max(8*int64(o.MaxValueBytes+overhead), 8*pieceBytes)
	return badger.DefaultOptions(o.Dir).
		WithInMemory(o.Dir == "").
		WithLogger(badgerLogger(o.Logger)).
		WithMetricsEnabled(false).
		// What was lost in a crash is loaded again: it is a cache.
		WithSyncWrites(false).
		// Each key has one writer at a time, see fence.go.
		WithDetectConflicts(false).
		WithMemTableSize(memtable).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(8).
		WithNumCompactors(2).
		// Badger builds tables in arenas that it keeps, and these grow with the
		// number of compactions: fewer, larger tables take half the memory.
		WithBaseTableSize(8 << 20).
		// Entries have no checksum of their own.
		WithChecksumVerificationMode(options.OnBlockRead).
		// Uncompressed tables are read in place and need no cache of blocks.
		WithCompression(options.None).
		WithBlockCacheSize(0).
		// No piece goes into the value log. Its file is there all the same.
		WithValueThreshold(pieceBytes + 1).
		WithValueLogFileSize(1 << 20)
}
