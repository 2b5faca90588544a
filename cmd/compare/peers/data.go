package main

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	keyBytes   = 16
	valueBytes = 32
	// filler follows the key in each value.
	filler = "=sixteen bytes.."
)

// name returns the key with a number: "key-" and twelve digits.
func name(number int32) string {
	b := spell(number)
	return string(b[:])
}

func spell(number int32) (b [keyBytes]byte) {
	copy(b[:], "key-")
	for at := keyBytes - 1; at >= len("key-"); at-- {
		b[at] = '0' + byte(number%10)
		number /= 10
	}
	return b
}

// form is what a cache wants its keys and values to be.
type form string

const (
	asKeys  form = "keys"  // domain.Key and *domain.Entry
	asNames form = "names" // string and *domain.Entry
	asBytes form = "bytes" // []byte, and strings, which are copied
)

// data are requests: number i is for the key with number numbers[i], and has all
// that it takes to get it and to set it, in the one form that a candidate wants.
// So no conversion is measured, and what a request brings lies next to what the
// request before brought: the memory that a Get has to wait for is the cache's.
//
// Each request has a key and a value of its own, as in a server: to compare a
// key with the one that is held, both have to be read. Interned data are as in a
// program whose keys are the same strings each time: all requests for a key bring
// one string and one value. Values are entries of the service, by pointer, for
// all caches of objects, and their bodies for the rest.
//
// The fields are read-only once made, but for release.
type data struct {
	numbers []int32

	asked, set           []string
	askedKeys, setKeys   []domain.Key
	askedBytes, setBytes [][]byte
	entries              []*domain.Entry
	bodies               [][]byte
}

func newData(numbers []int32, f form) *data {
	d := &data{numbers: numbers}
	for _, number := range numbers {
		d.append(number, f)
	}
	return d
}

func newInterned(numbers []int32, f form) *data {
	each := &data{}
	place := map[int32]int{}
	d := &data{numbers: numbers}
	for _, number := range numbers {
		at, ok := place[number]
		if !ok {
			at = len(place)
			place[number] = at
			each.append(number, f)
		}
		d.repeat(each, at)
	}
	return d
}

// repeat appends the request that is at this place of other, which has been set
// with the key that it asks for.
func (d *data) repeat(other *data, at int) {
	if other.setKeys != nil {
		d.askedKeys, d.setKeys = append(d.askedKeys, other.setKeys[at]), append(d.setKeys, other.setKeys[at])
	}
	if other.set != nil {
		d.asked, d.set = append(d.asked, other.set[at]), append(d.set, other.set[at])
	}
	if other.entries != nil {
		d.entries = append(d.entries, other.entries[at])
	}
	if other.bodies != nil {
		d.askedBytes, d.setBytes = append(d.askedBytes, other.setBytes[at]), append(d.setBytes, other.setBytes[at])
		d.bodies = append(d.bodies, other.bodies[at])
	}
}

// append makes a request for the key with this number.
func (d *data) append(number int32, f form) {
	asked, set := name(number), name(number)
	body := set + filler
	switch f {
	case asBytes: // one of these caches asks for strings, the other for bytes
		d.asked, d.set = append(d.asked, asked), append(d.set, set)
		d.askedBytes, d.setBytes = append(d.askedBytes, []byte(asked)), append(d.setBytes, []byte(set))
		d.bodies = append(d.bodies, []byte(body))
		return
	case asKeys:
		d.askedKeys, d.setKeys = append(d.askedKeys, mustKey(asked)), append(d.setKeys, mustKey(set))
	case asNames:
		d.asked, d.set = append(d.asked, asked), append(d.set, set)
	}
	d.entries = append(d.entries, domain.NewEntry(domain.Value{Body: body}, time.Hour, 0))
}

// upTo returns the numbers from first to last-1.
func upTo(first, last int) []int32 {
	numbers := make([]int32, last-first)
	for i := range numbers {
		numbers[i] = int32(first + i)
	}
	return numbers
}

func mustKey(s string) domain.Key {
	key, err := domain.ParseKey(s)
	if err != nil {
		panic(err) // letters, digits and a dash are a key
	}
	return key
}

// release lets go of all keys and values, so that only caches hold them. No
// cache may be used with d afterwards.
func (d *data) release() { *d = data{} }

// value is what a Get returns: an entry, or bytes that are the caller's own.
type value struct {
	entry *domain.Entry
	bytes []byte
}

func (v value) empty() bool { return v.entry == nil && v.bytes == nil }

// belongsTo reports whether v is the whole value of the key with this number. It
// does not allocate.
func (v value) belongsTo(number int32) bool {
	key := spell(number)
	if v.entry != nil {
		body := v.entry.Body()
		return len(body) == valueBytes && body[:keyBytes] == string(key[:]) && body[keyBytes:] == filler
	}
	return len(v.bytes) == valueBytes && [keyBytes]byte(v.bytes) == key && string(v.bytes[keyBytes:]) == filler
}
