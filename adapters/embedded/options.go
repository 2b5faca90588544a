package embedded

import (
	"fmt"
	"log/slog"
	"time"
)

// Options is what a Layer needs to know.
type Options struct {
	// Dir is the data directory, made when it is not there. Empty means: in
	// memory, gone with the process.
	Dir string

	// LockTTL is the TTL of a lease that is not renewed.
	LockTTL time.Duration

	// MaxBytes bounds what the values occupy, all overhead included: on the heap,
	// or in the file, which needs at least minFileBytes.
	MaxBytes int64

	// MaxValueBytes bounds one body.
	MaxValueBytes int

	// Logger gets a line for each change of the disk's state. Nil discards them.
	Logger *slog.Logger
}

// minFileBytes holds the empty tables and one small value.
const minFileBytes = 16 * pageBytes

func (o Options) check() error {
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{o.LockTTL > 0, "the lock's TTL must be positive"},
		{o.MaxBytes > 0, "the bound of the stored bytes must be positive"},
		{o.Dir == "" || o.MaxBytes >= minFileBytes, "the bound of the stored bytes must be at least 128 KiB on disk"},
		{o.MaxValueBytes > 0, "the bound of one value must be positive"},
		{o.MaxValueBytes <= 64<<20, "the bound of one value must not be above 64 MiB"},
	} {
		if !rule.holds {
			return fmt.Errorf("embedded layer: %s", rule.says)
		}
	}
	return nil
}
