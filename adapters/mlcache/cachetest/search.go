package cachetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// search looks for an order of steps (Wing and Gong, "Testing and verifying concurrent
// objects", 1993; with memory of the states it has been in, Lowe, "Testing for
// linearizability", 2017). A GET changes nothing, so it is taken as soon as it may be:
// only writes are tried in several orders.
type search struct {
	steps []step // by earliest
	taken []bool
	first int // the first that is not taken
	state register
	seen  map[string]struct{}

	count   int  // of those taken
	most    int  // the most that have been taken at once
	stuck   step // what had to come next then
	stuckIn register
}

// manyStates is where a search gives up.
const manyStates = 1 << 20

var errUndecided = errors.New("undecided: too many writes at the same time")

func newSearch(steps []step) *search {
	return &search{steps: steps, taken: make([]bool, len(steps)), most: -1, seen: make(map[string]struct{})}
}

func (s *search) run() error {
	switch {
	case s.explain():
		return nil
	case len(s.seen) >= manyStates:
		return errUndecided
	}
	var around strings.Builder
	const near = 200 * time.Millisecond
	for _, other := range s.steps {
		if other.IsWrite() && other.latest > s.stuck.earliest-near && other.earliest < s.stuck.latest {
			fmt.Fprintf(&around, "\n\t%v", other)
		}
	}
	return fmt.Errorf("no order of the writes explains %v, which was current after %.1f ms; the best one has %v and the origin's v%d before it:%s",
		s.stuck, milliseconds(s.stuck.earliest), s.stuckIn.put, s.stuckIn.origin, around.String())
}

// explain reports whether the steps that are left have an order.
func (s *search) explain() bool {
	reads := s.takeReads()
	if s.first == len(s.steps) {
		return true
	}
	if s.isNew() {
		end, _ := s.horizon()
		for i := s.first; i < end; i++ {
			if !s.taken[i] && s.steps[i].IsWrite() && s.try(i) {
				return true
			}
		}
	}
	for _, i := range reads {
		s.untake(i)
	}
	return false
}

// try takes a write, and if it failed also tries without its effect.
func (s *search) try(i int) bool {
	before := s.state
	s.take(i)
	s.state = before.after(s.steps[i].Operation)
	if s.explain() {
		return true
	}
	s.state = before
	if !s.steps[i].Succeeded() && s.explain() {
		return true
	}
	s.untake(i)
	return false
}

// horizon returns the end of the steps that may come next, and which of them has to
// come first.
func (s *search) horizon() (end, urgent int) {
	urgent = s.first
	for end = s.first; end < len(s.steps); end++ {
		switch next := s.steps[end]; {
		case s.taken[end]:
		case next.earliest > s.steps[urgent].latest:
			return end, urgent
		case next.latest < s.steps[urgent].latest:
			urgent = end
		}
	}
	return end, urgent
}

// takeReads takes all reads that may come next and are right.
func (s *search) takeReads() (reads []int) {
	for again := true; again; {
		again = false
		end, _ := s.horizon()
		for i := s.first; i < end; i++ {
			if next := &s.steps[i]; !s.taken[i] && !next.IsWrite() && s.state.allows(next.Value) && s.areTaken(next.after) {
				s.take(i)
				reads, again = append(reads, i), true
			}
		}
	}
	return reads
}

func (s *search) areTaken(these []int) bool {
	return !slices.ContainsFunc(these, func(i int) bool { return !s.taken[i] })
}

func (s *search) take(i int) {
	s.taken[i] = true
	s.count++
	for s.first < len(s.steps) && s.taken[s.first] {
		s.first++
	}
}

func (s *search) untake(i int) {
	s.taken[i] = false
	s.count--
	s.first = min(s.first, i)
}

// isNew reports whether the search has not been here before, and notes how far it got.
func (s *search) isNew() bool {
	end, urgent := s.horizon()
	if s.count > s.most {
		s.most, s.stuck, s.stuckIn = s.count, s.steps[urgent], s.state
	}
	here := binary.AppendVarint(nil, int64(s.first))
	here = binary.AppendVarint(here, int64(s.state.put.Version))
	here = binary.AppendVarint(here, int64(s.state.origin))
	for i := s.first; i < end; i += 8 {
		var eight byte
		for bit := range min(8, end-i) {
			if s.taken[i+bit] {
				eight |= 1 << bit
			}
		}
		here = append(here, eight)
	}
	_, known := s.seen[string(here)]
	if known || len(s.seen) >= manyStates {
		return false
	}
	s.seen[string(here)] = struct{}{}
	return true
}
