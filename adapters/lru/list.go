package lru

import (
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// node is an entry and its place in the list, in one allocation.
type node struct {
	prev, next *node // owned by the list; nil outside of one

	key      domain.Key
	entry    *domain.Entry
	deadline time.Duration // the end of its life, on the cache's clock
	size     int64         // what it counts towards the limit of bytes
}

// list orders nodes from the most to the least recently used. It is a ring
// closed by a sentinel, so that no operation has a special case at the ends:
// root.next is the front and root.prev the back. It is not usable before init,
// and not safe for concurrent use.
type list struct{ root node }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

// pushFront inserts n, which must be in no list.
func (l *list) pushFront(n *node) {
	n.prev, n.next = &l.root, l.root.next
	n.prev.next = n
	n.next.prev = n
}

// remove takes out n, which must be in the list.
func (l *list) remove(n *node) {
	n.prev.next = n.next
	n.next.prev = n.prev
	n.prev, n.next = nil, nil
}

// moveToFront makes n, which must be in the list, its front.
func (l *list) moveToFront(n *node) {
	if l.root.next == n {
		return
	}
	l.remove(n)
	l.pushFront(n)
}

// back returns the node used least recently. The list must not be empty.
func (l *list) back() *node { return l.root.prev }
