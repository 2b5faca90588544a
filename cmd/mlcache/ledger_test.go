package main

import (
	"fmt"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ledger knows what was committed to rows that only grow, what has been read of them,
// and so whether a read may return what it does. Where it cannot know the order of two
// events it excuses the read.
type ledger struct {
	// late is how long after its COMMIT a change may not be seen, whatever breaks.
	late time.Duration
	// isMonotone says that an instance never answers with an older version after a newer
	// one.
	isMonotone bool

	mu        sync.Mutex
	marks     map[int]map[int]int // what each transaction has written, that may have been committed
	committed map[int]*growth     // by row
	proven    map[place]*growth   // to have been received
	seen      map[place]*growth   // to be answered
	reads     int
	oldest    time.Duration // for how long what a read returned had been replaced
}

// place is a row as an instance has it.
type place struct{ instance, row int }

// stored is a row: a number that grows, and which transaction wrote it; 0: none did.
type stored struct{ N, Mark int }

// firstNumber is that of a row that none has written. As a version 0 would be none.
const firstNumber = 1

func newLedger(late time.Duration, isMonotone bool) *ledger {
	return &ledger{
		late: late, isMonotone: isMonotone,
		marks: make(map[int]map[int]int), committed: make(map[int]*growth), proven: make(map[place]*growth), seen: make(map[place]*growth),
	}
}

// reached says that a number is no lower than n from then on.
type reached struct {
	at time.Time
	n  int
}

// growth is in the order of both.
type growth []reached

func (s *growth) add(n int) {
	if len(*s) == 0 || (*s)[len(*s)-1].n < n {
		*s = append(*s, reached{time.Now(), n})
	}
}

// before returns what was reached before t.
func (s *growth) before(t time.Time) int {
	if s == nil {
		return 0
	}
	all := *s
	i := sort.Search(len(all), func(i int) bool { return !all[i].at.Before(t) })
	if i == 0 {
		return 0
	}
	return all[i-1].n
}

// after returns when what is above n was reached first, and whether it was.
func (s *growth) after(n int) (at time.Time, ok bool) {
	if s == nil {
		return time.Time{}, false
	}
	all := *s
	i := sort.Search(len(all), func(i int) bool { return all[i].n > n })
	if i == len(all) {
		return time.Time{}, false
	}
	return all[i].at, true
}

// raise notes that a number is no lower than n from now on.
func raise(all map[place]*growth, p place, n int) {
	if all[p] == nil {
		all[p] = new(growth)
	}
	all[p].add(n)
}

// commits notes that a transaction is about to be committed.
func (l *ledger) commits(mark int, rows map[int]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks[mark] = rows
}

// hasCommitted notes that it has been, successfully.
func (l *ledger) hasCommitted(mark int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for row, n := range l.marks[mark] {
		if l.committed[row] == nil {
			l.committed[row] = new(growth)
		}
		l.committed[row].add(n)
	}
}

// least returns what has been committed of each row.
func (l *ledger) least() map[int]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[int]int, len(l.committed))
	for row, s := range l.committed {
		all[row] = (*s)[len(*s)-1].n
	}
	return all
}

// proves notes that the instance has been told of all changes up to these numbers.
func (l *ledger) proves(instance int, rows map[int]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for row, n := range rows {
		raise(l.proven, place{instance, row}, n)
	}
}

// restarts notes that the instance has forgotten what it has answered with.
func (l *ledger) restarts(instance int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.seen {
		if p.instance == instance {
			delete(l.seen, p)
		}
	}
}

// read returns an error unless the instance may answer so to a request that was sent at
// the time began, and has been answered by now.
func (l *ledger) read(instance, row int, got stored, began time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	p := place{instance, row}
	wrote, known := l.marks[got.Mark][row]
	ago := time.Duration(0)
	if at, replaced := l.committed[row].after(got.N); replaced && at.Before(began) {
		ago = began.Sub(at)
		l.oldest = max(l.oldest, ago)
	}
	switch {
	case got.Mark == 0 && got.N != firstNumber, got.Mark != 0 && (!known || got.N != wrote):
		return fmt.Errorf("row %d of instance %d is %v, which was never committed", row, instance, got)
	case got.N < l.proven[p].before(began):
		return fmt.Errorf("row %d of instance %d is %v, replaced %v ago by a change before one that the instance has received", row, instance, got, ago)
	case l.isMonotone && got.N < l.seen[p].before(began):
		return fmt.Errorf("row %d of instance %d is %v again, although it has answered with %d", row, instance, got, l.seen[p].before(began))
	case ago > l.late:
		return fmt.Errorf("row %d of instance %d is %v, replaced %v ago", row, instance, got, ago)
	}
	raise(l.seen, p, got.N)
	return nil
}

func TestTheLedgerFindsEachKindOfWrongRead(t *testing.T) {
	const row, instance = 7, 1
	l := newLedger(time.Hour, true)
	began := time.Now()
	l.commits(1, map[int]int{row: 2})
	require.NoError(t, l.read(instance, row, stored{firstNumber, 0}, began))
	require.NoError(t, l.read(instance, row, stored{2, 1}, began), "it may have been committed by now")
	l.hasCommitted(1)
	require.NoError(t, l.read(instance, row, stored{firstNumber, 0}, began), "it may have been answered before")
	require.NoError(t, l.read(instance+1, row, stored{firstNumber, 0}, time.Now()), "it may not have been told yet")
	require.ErrorContains(t, l.read(instance, row, stored{firstNumber, 0}, time.Now()), "again, although")
	require.ErrorContains(t, l.read(instance, row, stored{3, 2}, time.Now()), "never committed")
	require.ErrorContains(t, l.read(instance, row, stored{3, 1}, time.Now()), "never committed")
	require.ErrorContains(t, l.read(instance, row, stored{2, 0}, time.Now()), "never committed")
	l.proves(instance+1, l.least())
	require.NoError(t, l.read(instance+1, row, stored{firstNumber, 0}, began), "it was not proven then")
	require.ErrorContains(t, l.read(instance+1, row, stored{firstNumber, 0}, time.Now()), "by a change before one")
	l.restarts(instance)
	require.NoError(t, l.read(instance, row, stored{firstNumber, 0}, time.Now()))
	l.late = time.Nanosecond
	require.ErrorContains(t, l.read(instance+2, row, stored{firstNumber, 0}, time.Now().Add(time.Second)), "ago")
	require.Equal(t, map[int]int{row: 2}, l.least())
}
