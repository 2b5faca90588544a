package lru

// listID names a list of a shard. It is also the number of the slot that is
// the list's end.
type listID uint8

const (
	mainList      listID = iota // the LRU; with admission, its entries on probation
	windowList                  // with admission: what came last
	protectedList               // with admission: what was used again
	expiredList                 // past its life, kept in case the source fails
	lists
)

// list orders slots from the most to the least recently used. It is a ring
// closed by a slot of its own, so that no operation has a special case at the
// ends: the root's next is the front and its prev the back. It is not usable
// before init, and not safe for concurrent use.
type list struct {
	slab *slab
	id   listID
	len  int
}

func (l *list) init() {
	root := l.slab.node(uint32(l.id))
	root.prev, root.next = uint32(l.id), uint32(l.id)
}

// pushFront inserts slot i, which must be in no list.
func (l *list) pushFront(i uint32) {
	root, n := l.slab.node(uint32(l.id)), l.slab.node(i)
	n.prev, n.next = uint32(l.id), root.next
	l.slab.node(n.next).prev = i
	root.next = i
	n.weight = n.weight.inList(l.id)
	l.len++
}

// remove takes out slot i, which must be in this list.
func (l *list) remove(i uint32) {
	n := l.slab.node(i)
	l.slab.node(n.prev).next = n.next
	l.slab.node(n.next).prev = n.prev
	l.len--
}

// moveToFront makes slot i, which must be in this list, its front.
func (l *list) moveToFront(i uint32) {
	if l.slab.node(uint32(l.id)).next == i {
		return
	}
	l.remove(i)
	l.pushFront(i)
}

// back returns the slot used least recently. The list must not be empty.
func (l *list) back() uint32 { return l.slab.node(uint32(l.id)).prev }
