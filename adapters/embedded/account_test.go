package embedded

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The model books each entry by itself, in the second in which it expires.
func TestTheAccountIsTheSumOfWhatIsAlive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const bound = 100
		now := time.Unix(1000, 0)
		a, model := newAccount(bound, now), map[int]charge{}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 500, 1000, 3000, 90000}).Draw(t, "passed")) * time.Millisecond)
			k := rapid.IntRange(0, 5).Draw(t, "key")
			next := charge{bytes: rapid.Int64Range(1, 60).Draw(t, "bytes"), until: now.Unix() + rapid.Int64Range(1, 5).Draw(t, "life")}
			for k, c := range model {
				if c.until <= now.Unix() {
					delete(model, k)
				}
			}
			fits := sum(model)-model[k].bytes+next.bytes <= bound
			require.Equal(t, fits, a.replace(model[k], next, now) == nil)
			if fits {
				last := model[k]
				model[k] = next
				if rapid.Bool().Draw(t, "write fails") {
					a.force(next, last)
					model[k] = last
				}
			}
			require.Equal(t, sum(model), a.total)
			require.LessOrEqual(t, a.total, int64(bound))
			require.LessOrEqual(t, len(a.expires), 6)
		}
	})
}

func sum(model map[int]charge) (total int64) {
	for _, c := range model {
		total += c.bytes
	}
	return total
}
