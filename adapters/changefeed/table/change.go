package table

import (
	"maps"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// row is one of the change table.
type row struct {
	seq     int64
	key     domain.Key
	ok      bool // it has a key
	all     bool
	version uint64
	age     time.Duration // when it was read
}

// changes returns what rows say. Each version has a change of its own, since versions
// of different rows need not compare: a key must not have the version of another.
func (f *Feed) changes(rows []row, read time.Time) []ports.Change {
	var oldest time.Duration
	all := len(rows) > f.opts.MaxKeys
	versions := make(map[domain.Key]uint64)
	for _, r := range rows {
		oldest, all = max(oldest, r.age), all || r.all
		if r.ok {
			versions[r.key] = max(versions[r.key], r.version)
		}
	}
	if all {
		return []ports.Change{{All: true, Behind: oldest + time.Since(read)}}
	}
	keys := make(map[uint64][]domain.Key)
	for key, version := range versions {
		keys[version] = append(keys[version], key)
	}
	changes := make([]ports.Change, 0, len(keys))
	for _, version := range slices.Sorted(maps.Keys(keys)) {
		changes = append(changes, ports.Change{Keys: keys[version], Version: version, Behind: oldest + time.Since(read)})
	}
	return changes
}
