package changefeed

import (
	"maps"
	"slices"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// DefaultMaxKeys is how many keys a change names at most, unless options say otherwise.
const DefaultMaxKeys = 10_000

// Keys gathers the keys that have changed, each once. Beyond Max they are forgotten,
// and all have changed.
type Keys struct {
	Max int
	all bool
	set map[domain.Key]struct{}
}

// Add adds a key.
func (k *Keys) Add(key domain.Key) {
	if k.all {
		return
	}
	if k.set == nil {
		k.set = make(map[domain.Key]struct{})
	}
	if k.set[key] = struct{}{}; len(k.set) > k.Max {
		k.AddAll()
	}
}

// AddAll says that any key may have changed.
func (k *Keys) AddAll() { k.all, k.set = true, nil }

// AddKeys adds what others has.
func (k *Keys) AddKeys(others Keys) {
	if others.all {
		k.AddAll()
	}
	for key := range others.set {
		k.Add(key)
	}
}

// All reports whether any key may have changed.
func (k *Keys) All() bool { return k.all }

// Empty reports whether nothing has changed.
func (k *Keys) Empty() bool { return !k.all && len(k.set) == 0 }

// List returns the keys in no order, none if All.
func (k *Keys) List() []domain.Key { return slices.Collect(maps.Keys(k.set)) }
