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

// list orders slots from the most to the least recently used. It is a circle
// closed by a slot of its own, so that no operation has a special case at the
// ends: the root's next is the front and its prev the back. It may have several
// parts, each a circle with a root, see ring. It is not usable before init, and
// not safe for concurrent use.
type list struct {
	slab *slab
	id   listID
	len  int
}

func (l *list) init() { l.initRoot(uint32(l.id)) }

// initRoot makes slot root the end of a list.
func (l *list) initRoot(root uint32) {
	n := l.slab.node(root)
	n.prev, n.next = root, root
}

// pushFront inserts slot i, which must be in no list.
func (l *list) pushFront(i uint32) { l.push(uint32(l.id), i) }

// push inserts slot i at the front of the part whose end is root.
func (l *list) push(root, i uint32) {
	r, n := l.slab.node(root), l.slab.node(i)
	n.prev, n.next = root, r.next
	l.slab.node(n.next).prev = i
	r.next = i
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

// splice moves all slots of one part of the list, in their order, to the back of
// another.
func (l *list) splice(from, to uint32) {
	f, t := l.slab.node(from), l.slab.node(to)
	if f.next == from {
		return
	}
	l.slab.node(t.prev).next, l.slab.node(f.next).prev = f.next, t.prev
	l.slab.node(f.prev).next, t.prev = to, f.prev
	f.prev, f.next = from, from
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

// last returns the last slot of the part whose end is root, or 0.
func (l *list) last(root uint32) uint32 {
	if i := l.slab.node(root).prev; i != root {
		return i
	}
	return 0
}
