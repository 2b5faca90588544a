package lru

import (
	"math"
	"time"
)

// The ring orders all slots but 0 in a circle. Those that hold entries come first,
// then those that are free:
//
//	oldest → … → newest → free → … → free → oldest
//
// With no entry, the slot after newest is oldest; with no free one as well. So
// holding an entry moves newest by one slot, evicting one moves oldest, and no link
// is written.

// link is a slot's place in the ring.
type link struct{ older, newer uint32 }

// take makes the first free slot the newest and returns it. There must be one.
func (l *list) take() uint32 {
	l.newest = l.links[l.newest].newer
	l.count++
	return l.newest
}

// free makes slot i, which has held an entry, a free one.
func (l *list) free(i uint32) {
	l.demote(i)
	l.oldest = l.links[i].newer
	l.count--
}

// renew makes slot i the newest.
func (l *list) renew(i uint32) {
	if i == l.newest {
		return
	}
	if i == l.oldest {
		l.oldest = l.links[i].newer
	}
	if l.links[l.newest].newer != i {
		l.unlink(i)
		l.linkAfter(l.newest, i)
	}
	l.newest = i
}

// demote makes slot i the oldest.
func (l *list) demote(i uint32) {
	if i == l.oldest {
		return
	}
	if i == l.newest {
		l.newest = l.links[i].older
	}
	if before := l.links[l.oldest].older; before != i {
		l.unlink(i)
		l.linkAfter(before, i)
	}
	l.oldest = i
}

func (l *list) unlink(i uint32) {
	at := l.links[i]
	l.links[at.older].newer, l.links[at.newer].older = at.newer, at.older
}

func (l *list) linkAfter(older, i uint32) {
	newer := l.links[older].newer
	l.links[i] = link{older, newer}
	l.links[older].newer, l.links[newer].older = i, i
}

// victim returns the slot that goes next: the oldest, after those with a mark of late
// have been made the newest, as the CLOCK of F. J. Corbató does. What was used
// last is passed by even if all others were used lately. This may lead through the
// whole ring, but each entry that is passed by has been used since the last time.
func (l *list) victim(now time.Duration) uint32 {
	for {
		i := l.oldest
		s := &l.slots[i]
		stays := s.meta.used().within(phasesThatCount, l.phase) || i == l.last
		if !stays || l.count == 1 || s.meta.deadline() <= now {
			return i
		}
		s.meta = s.meta.usedIn(never)
		l.renew(i)
	}
}

// phase is a time that is told by uses: in a phase, a fifth of the entries are set or
// used. What is used in each phase does not count, or the popular entries would make
// time pass too fast for the rest. Phases are numbered from 1 up, over and over; a use
// of 51 turns ago looks new, which keeps an entry for a turn too long.
//
// A plain bit for each entry, as CLOCK has it, does not tell a use of just now from
// one of long ago. Both would earn the entry another turn of the ring, and what is
// popular no more would stay too long.
type phase uint8

const (
	never phase = 0

	phaseBits       = 8
	phases          = 1<<phaseBits - 1
	phasesPerTurn   = 5
	phasesThatCount = 3 // with these two, the traces of ratio_test.go lose least
)

// within reports whether p is now or at most so many phases ago.
func (p phase) within(ago int, now phase) bool {
	return p != never && (int(now)+phases-int(p))%phases <= ago
}

// tick counts an entry that took the place of another, or that was used and had not
// been in this phase and the one before.
func (l *list) tick() {
	if l.left--; l.left == 0 && !l.exact() {
		l.left = uint16(min(max(1, l.count/phasesPerTurn), math.MaxUint16))
		l.phase = phase(int(l.phase)%phases + 1)
	}
}
