//go:build fleet

package main

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// history is who wrote and read what and when, to be looked through afterwards.
// Each key is written by one writer, one write after the other, so that versions
// tell which value is newer; and the origin has a version before it is written.
type history struct {
	mu      sync.Mutex
	writes  map[string][]write // by key, in order
	reads   []read
	refused []refusal
}

type write struct {
	at           int // the instance
	version      int
	begun, ended time.Time
	put, done    bool // not done: it may have happened, or may happen later
}

type read struct {
	at, version  int
	key          string
	begun, ended time.Time
}

type refusal struct {
	at, status   int
	body         string
	begun, ended time.Time
}

func newHistory() *history { return &history{writes: make(map[string][]write)} }

// traffic has each key written, and all instances read, for so long, as the seed
// says.
func (f *fleet) traffic(h *history, keys []string, length time.Duration, seed uint64) {
	var all sync.WaitGroup
	end := time.Now().Add(length)
	upTo := func(random *rand.Rand, d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	for i, key := range keys {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for version := 1; time.Now().Before(end); version++ {
				at, put := random.IntN(len(f.members)), random.IntN(2) == 0
				f.writeOne(h, write{at: at, version: version, put: put}, key)
				all.Go(func() { f.readOne(h, at, key) }) // what it loads may be replaced meanwhile
				time.Sleep(upTo(random, 60*time.Millisecond))
				if version%8 == 0 { // long enough to see what an old value that came back does
					time.Sleep(300 * time.Millisecond)
				}
			}
		})
	}
	for i := range 2 * len(f.members) {
		random := rand.New(rand.NewPCG(seed, uint64(len(keys)+i)))
		all.Go(func() {
			for time.Now().Before(end) {
				f.readOne(h, i%len(f.members), keys[random.IntN(len(keys))])
				time.Sleep(upTo(random, 2*time.Millisecond))
			}
		})
	}
	all.Wait()
}

// writeOne puts or deletes. A deleted key is loaded anew, as the same version.
func (f *fleet) writeOne(h *history, w write, key string) {
	f.origin.change(key, w.version)
	w.begun = time.Now()
	method := http.MethodDelete
	if w.put {
		method = http.MethodPut
	}
	w.done = f.members[w.at].send(method, key, valueOf(key, w.version)).status == http.StatusNoContent
	w.ended = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes[key] = append(h.writes[key], w)
}

func (f *fleet) readOne(h *history, at int, key string) {
	begun := time.Now()
	r := f.members[at].ask(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.status == http.StatusOK {
		h.reads = append(h.reads, read{at, versionOf(r.body), key, begun, time.Now()})
	} else {
		h.refused = append(h.refused, refusal{at, r.status, r.body, begun, time.Now()})
	}
}

// replaced returns the writes that had ended before r began and that r missed,
// the oldest first.
func (h *history) replaced(r read) []write {
	writes := h.writes[r.key]
	from := 0
	for from < len(writes) && writes[from].version <= r.version {
		from++
	}
	to := from
	for to < len(writes) && writes[to].ended.Before(r.begun) {
		to++
	}
	return writes[from:to]
}

// latenesses returns, for each write and each other instance, how long after the
// write's end the last read began there that missed it.
func (h *history) latenesses(instances int) []time.Duration {
	type pair struct {
		key         string
		version, at int
	}
	late := make(map[pair]time.Duration)
	total := 0
	for key, writes := range h.writes {
		total += len(writes) * (instances - 1)
		for _, w := range writes {
			for at := range instances {
				late[pair{key, w.version, at}] = 0
			}
			delete(late, pair{key, w.version, w.at})
		}
	}
	for _, r := range h.reads {
		for _, w := range h.replaced(r) {
			if p := (pair{r.key, w.version, r.at}); r.at != w.at {
				late[p] = max(late[p], r.begun.Sub(w.ended))
			}
		}
	}
	all := make([]time.Duration, 0, total)
	for _, l := range late {
		all = append(all, l)
	}
	slices.Sort(all)
	return all
}

func TestFleetReturnsNothingThatWasReplacedBefore(t *testing.T) {
	// Half of the time for which an invalidation that was lost would show.
	const ttl, bound = 3 * time.Second, 1500 * time.Millisecond
	// A short TTL and refreshes ahead, so that loads of all kinds are under way
	// while it is written.
	f := startFleet(t, 3, "--ttl="+ttl.String(), "--refresh-ahead=20")
	f.origin.answer("", plan{delay: 20 * time.Millisecond})
	h := newHistory()
	f.traffic(h, []string{"a", "b", "c", "d", "e", "f"}, 15*time.Second, 1)
	require.Empty(t, h.refused)
	missed := 0
	for _, r := range h.reads {
		for _, w := range h.replaced(r) {
			missed++
			require.NotEqual(t, w.at, r.at, "read after the write on the same instance: %+v, %+v", r, w)
			require.LessOrEqual(t, r.begun.Sub(w.ended), bound, "%+v, %+v", r, w)
		}
	}
	h.requireEnough(t)
	late := h.latenesses(len(f.members))
	t.Logf("%d reads, %d of them late elsewhere; a write is heard within p50 %v, p99 %v, max %v",
		len(h.reads), missed, late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
}

// requireEnough checks that the history says something: that all writes were
// done, and that reads saw most of the versions.
func (h *history) requireEnough(t *testing.T) {
	t.Helper()
	for key, writes := range h.writes {
		require.Greater(t, len(writes), 10)
		for _, w := range writes {
			require.True(t, w.done, "%+v", w)
		}
		seen := make(map[int]bool)
		for _, r := range h.reads {
			if r.key == key {
				seen[r.version] = true
				require.LessOrEqual(t, r.version, writes[len(writes)-1].version)
			}
		}
		require.Greater(t, len(seen), len(writes)/2)
	}
}
