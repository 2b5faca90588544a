package main

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
)

// load is what the clients of a fleet do.
type load struct {
	keys    []string
	writers int      // of each key: one, at any instance, or one at each
	read    []string // keys that are read besides
	// between is the longest pause between two writes of a writer, and between two
	// reads of a reader, of which each instance has two.
	between struct{ writes, reads time.Duration }
	seed    uint64
}

const (
	// All write for a while and then pause together, long enough to see what an old
	// value that came back does.
	bursts, pauses = 500 * time.Millisecond, 300 * time.Millisecond
	// readers of each instance.
	readers = 2
)

// traffic has clients write and read as the load says, and h know, until over is
// closed.
func (f *fleet) traffic(h *cachetest.History, l load, over <-chan struct{}) {
	var all sync.WaitGroup
	keys := slices.Concat(l.keys, l.read)
	for i, key := range l.keys {
		for writer := range l.writers {
			random := rand.New(rand.NewPCG(l.seed, uint64(i*l.writers+writer)))
			all.Go(func() { f.keepWriting(h, l, key, writer, random, over) })
		}
	}
	for i := range readers * len(f.members) {
		random := rand.New(rand.NewPCG(l.seed, uint64(1000+i)))
		all.Go(func() {
			for goesOn(over) {
				f.readOne(h, i%len(f.members), keys[random.IntN(len(keys))])
				time.Sleep(upTo(random, l.between.reads))
			}
		})
	}
	all.Wait()
}

func goesOn(over <-chan struct{}) bool {
	select {
	case <-over:
		return false
	default:
		return true
	}
}

// after returns a channel that is closed then.
func after(d time.Duration) <-chan struct{} {
	over := make(chan struct{})
	time.AfterFunc(d, func() { close(over) })
	return over
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

func (f *fleet) keepWriting(h *cachetest.History, l load, key string, writer int, random *rand.Rand, over <-chan struct{}) {
	var reading sync.WaitGroup
	defer reading.Wait()
	for goesOn(over) {
		if into := h.Now() % (bursts + pauses); into > bursts {
			time.Sleep(bursts + pauses - into)
		}
		at, method := writer, http.MethodDelete
		if l.writers == 1 {
			at = random.IntN(len(f.members))
		}
		if random.IntN(2) == 0 {
			method = http.MethodPut
		}
		reading.Go(func() { f.readOne(h, at, key) }) // what it loads may be replaced meanwhile
		f.writeOne(h, at, method, key)
		time.Sleep(upTo(random, l.between.writes))
	}
}

// writeOne puts or deletes, after the origin has a new version.
func (f *fleet) writeOne(h *cachetest.History, at int, method, key string) {
	version, body := f.origin.Advance(key), ""
	if method == http.MethodPut {
		body = cachetest.PutOf(key, version)
	}
	o := cachetest.Operation{Method: method, At: at, Value: cachetest.Value{Version: version, Put: method == http.MethodPut}, Origin: f.origin.Version(key)}
	o.Begun = h.Now()
	r := f.members[at].send(method, key, body)
	o.Ended, o.Status = h.Now(), r.status
	h.Add(key, o)
}

func (f *fleet) readOne(h *cachetest.History, at int, key string) {
	o := cachetest.Operation{Method: http.MethodGet, At: at, Begun: h.Now()}
	r := f.members[at].ask(key)
	o.Ended, o.Status, o.Value, o.Layer, o.Body = h.Now(), r.status, cachetest.ParseValue(r.body), detail(r), r.body
	h.Add(key, o)
}

// readAll has each instance read each key a few times.
func (f *fleet) readAll(h *cachetest.History, keys []string) {
	for range 3 {
		for at := range f.members {
			for _, key := range keys {
				f.readOne(h, at, key)
			}
		}
	}
}
