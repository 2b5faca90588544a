package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// preflight looks at the ends of the tables that a data directory lists. Badger
// trusts the lengths written there before it verifies anything, and panics on a
// goroutine of its own, which nobody can recover, when they lead out of the file.
// What it finds wrong itself, it returns as an error; so that is left to it.
func preflight(o badger.Options) error {
	if o.InMemory {
		return nil
	}
	f, err := os.Open(filepath.Join(o.Dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return err
	}
	for id := range manifest.Tables {
		if err := checkEnd(table.NewFilename(id, o.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// checkEnd checks that a table ends in: index, its length, checksum, its length.
func checkEnd(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	rest := info.Size()
	for range 2 { // from the end: the checksum, then the index
		var length [4]byte
		if _, err := f.ReadAt(length[:], rest-4); err != nil {
			return fmt.Errorf("table %s is damaged", filepath.Base(path))
		}
		n := int64(binary.BigEndian.Uint32(length[:]))
		rest -= 4 + n
		if n == 0 || rest < 0 {
			return fmt.Errorf("table %s is damaged", filepath.Base(path))
		}
	}
	return nil
}
