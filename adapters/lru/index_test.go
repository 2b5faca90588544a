//go:build !race

// The race detector makes these tests slow and has nothing to find in one goroutine.

package lru

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Hashes that are alike or neighbours, and gaps that are closed around the end, are
// what probing could get wrong; a map says what is right.
func TestTheIndexFindsWhatIsInIt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for _, slots := range []int{2, 17, 100, 1000} {
		for _, spread := range []uint32{1, 3, 1 << 8, 1<<32 - 1} {
			x := newIndex(slots)
			held := map[uint32]uint32{}
			for step := range 5_000 {
				i := 1 + random.Uint32N(uint32(slots-1))
				if hash, ok := held[i]; ok {
					x.remove(hash, i)
					delete(held, i)
				} else {
					held[i] = -random.Uint32N(spread) // close to the end
					x.insert(held[i], i)
				}
				if step%(slots/10+1) == 0 {
					require.Len(t, reachable(x), len(held))
				}
			}
			for i, hash := range held {
				require.Contains(t, reachable(x), word(hash, i))
			}
		}
	}
}

// reachable returns the words with no gap between their homes and them.
func reachable(x index) map[uint64]bool {
	all := map[uint64]bool{}
	for at, w := range x {
		from := x.home(hashIn(w))
		for w != 0 && x[from] != 0 && from != at {
			from = x.after(from)
		}
		if w != 0 && from == at {
			all[w] = true
		}
	}
	return all
}

func TestKeysWhoseHashesAreEqualAreToldApart(t *testing.T) {
	l := &list{plain: true}
	l.init(100, 1<<20, true)
	put := func(name string) {
		k := key(name).String()
		l.set(k, slotOf(k, 7), 0)
	}
	for _, name := range []string{"a", "b", "ab", "ba"} {
		put(name)
	}
	for _, name := range []string{"a", "b", "ab", "ba"} {
		i := l.find(7, name)
		require.Equal(t, name, keyIn(&l.slots[i]))
	}
	l.drop(l.find(7, "b"))
	require.Zero(t, l.find(7, "b"))
	require.NotZero(t, l.find(7, "ba"))
	require.NoError(t, checkList(l))
}
