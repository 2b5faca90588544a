package main

import (
	"fmt"
	"regexp"
	"time"
)

// cache is the one way in which all candidates are called: with the number of a
// request, whose key and value the adapter takes from data. That and the call
// through the interface, some 2 ns, are part of every figure, and the same for
// all. An adapter does what a user of the cache would have to do, and no more.
//
// Get, Set and Len are safe for concurrent use, but for a bare map's.
type cache interface {
	Get(i int32) (value, bool)
	Set(i int32)
	// Len is how many entries are held, as the cache says.
	Len() int
	// Close ends what the cache lets its user end.
	Close()
}

// settler is a cache that works on after Set has returned. settle waits until
// it is done.
type settler interface{ settle() }

func settle(c cache) {
	if s, ok := c.(settler); ok {
		s.settle()
	}
}

// limits are the same for all candidates of a comparison.
type limits struct {
	capacity int           // in entries
	life     time.Duration // of each entry, where a cache knows lives
}

// candidate is a cache that takes part.
type candidate struct {
	name   string
	module string // whose version is printed
	form   form
	lives  bool // whether entries expire
	ours   bool
	floor  bool // not a cache: takes part in single-CPU gets only
	new    func(l limits, d *data) (cache, error)
}

// hashicorp is the module of several candidates.
const hashicorp = "github.com/hashicorp/golang-lru/v2"

func candidates() []candidate {
	return []candidate{
		{name: "ours", form: asKeys, lives: true, ours: true, new: newPlain},
		{name: "ours, tinylfu", form: asKeys, lives: true, ours: true, new: newTinyLFU},
		{name: "otter", module: "github.com/maypok86/otter/v2", form: asNames, lives: true, new: newOtter},
		{name: "otter, coarse clock", module: "github.com/maypok86/otter/v2", form: asNames, lives: true, new: newOtterCoarse},
		{name: "theine", module: "github.com/Yiling-J/theine-go", form: asNames, lives: true, new: newTheine},
		{name: "ristretto", module: "github.com/dgraph-io/ristretto/v2", form: asNames, lives: true, new: newRistretto},
		{name: "golang-lru expirable", module: hashicorp, form: asNames, lives: true, new: newExpirable},
		{name: "ttlcache", module: "github.com/jellydator/ttlcache/v3", form: asNames, lives: true, new: newTTLCache},
		{name: "sturdyc", module: "github.com/viccon/sturdyc", form: asNames, lives: true, new: newSturdyc},
		{name: "bigcache", module: "github.com/allegro/bigcache/v3", form: asBytes, lives: true, new: newBigcache},
		{name: "freecache", module: "github.com/coocood/freecache", form: asBytes, lives: true, new: newFreecache},
		{name: "golang-lru (no TTL)", module: hashicorp, form: asNames, new: newSimple},
		{name: "golang-lru 2Q (no TTL)", module: hashicorp, form: asNames, new: newTwoQueue},
		{name: "golang-lru ARC (no TTL)", module: "github.com/hashicorp/golang-lru/arc/v2", form: asNames, new: newARC},
		{name: "groupcache/lru + mutex (no TTL)", module: "github.com/golang/groupcache", form: asNames, new: newGroupcache},
		{name: "Go map, no lock", form: asNames, floor: true, new: newBareMap},
	}
}

// choose returns the candidates whose name matches only, and ours, without
// which there is nothing to compare with.
func choose(all []candidate, only string) (chosen []candidate, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	for i, c := range all {
		if i == 0 || pattern.MatchString(c.name) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

func find(all []candidate, name string) (candidate, error) {
	for _, c := range all {
		if c.name == name {
			return c, nil
		}
	}
	return candidate{}, fmt.Errorf("there is no candidate %q", name)
}
