package embedded

import (
	"container/heap"
	"container/list"
	"context"
	"strings"
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// memory is a store on the heap. When it is full, it evicts what has expired, then
// what was used least recently. Keys and forms are copies of its own, so nothing
// that it holds keeps more alive than what it counts.
type memory struct {
	budget int64

	mu         sync.Mutex
	closed     bool
	used       int64
	items      map[string]*item
	byUse      *list.List // most recently used first
	byDeadline deadlines
}

type item struct {
	key string
	row
	use   *list.Element
	index int // in byDeadline
}

var _ store = (*memory)(nil)

func newMemory(budget int64) *memory {
	return &memory{budget: budget, items: map[string]*item{}, byUse: list.New()}
}

// itemBytes is what an item takes besides its strings: the struct, its element of
// the list, and its slots in the map and the heap when these have just grown.
const itemBytes = 200

// cost returns the bytes of heap that an item takes.
func cost(key string, form int) int64 {
	return itemBytes + allocated(len(key)) + allocated(form)
}

// allocated is at least what Go's allocator takes for n bytes: its size classes
// waste an eighth, larger objects fill pages of 8 KiB.
func allocated(n int) int64 {
	if n > 32<<10 {
		return int64(n+8<<10-1) &^ (8<<10 - 1)
	}
	return int64(n + n/8 + 8)
}

func (m *memory) get(_ context.Context, key string) (row, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return row{}, false, domain.ErrClosed
	}
	found := m.items[key]
	if found == nil {
		return row{}, false, nil
	}
	m.byUse.MoveToFront(found.use)
	return found.row, true, nil
}

func (m *memory) put(_ context.Context, key string, form []byte, deadline, now int64) error {
	need := cost(key, len(form))
	if need > m.budget {
		return tooLarge(need, m.budget)
	}
	next := &item{key: strings.Clone(key), row: row{form: string(form), deadline: deadline}}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return domain.ErrClosed
	}
	m.removeLocked(m.items[key])
	for n := 0; n < expiredPerPut && m.evictExpiredLocked(now); n++ {
	}
	for m.used+need > m.budget {
		if !m.evictExpiredLocked(now) {
			m.removeLocked(m.byUse.Back().Value.(*item))
		}
	}
	m.used += need
	m.items[next.key] = next
	next.use = m.byUse.PushFront(next)
	heap.Push(&m.byDeadline, next)
	return nil
}

// evictExpiredLocked evicts the item that expired first, if one has expired.
func (m *memory) evictExpiredLocked(now int64) bool {
	if len(m.byDeadline) == 0 || m.byDeadline[0].deadline > now {
		return false
	}
	m.removeLocked(m.byDeadline[0])
	return true
}

func (m *memory) remove(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return domain.ErrClosed
	}
	m.removeLocked(m.items[key])
	return nil
}

func (m *memory) removeLocked(i *item) {
	if i == nil {
		return
	}
	m.used -= cost(i.key, len(i.form))
	delete(m.items, i.key)
	m.byUse.Remove(i.use)
	heap.Remove(&m.byDeadline, i.index)
	if len(m.items) == 0 {
		m.items, m.byDeadline = map[string]*item{}, nil // neither shrinks by itself
	}
}

func (m *memory) fault() string { return "" }

func (m *memory) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.items, m.byUse, m.byDeadline = true, nil, nil, nil
	return nil
}

// deadlines is a heap with the item that expires first on top.
type deadlines []*item

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline < d[j].deadline }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

// Push appends an item for container/heap.
func (d *deadlines) Push(x any) {
	i := x.(*item)
	i.index = len(*d)
	*d = append(*d, i)
}

// Pop removes the last item for container/heap.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	i := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return i
}
