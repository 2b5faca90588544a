package lru

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// FuzzOperationsAgreeWithTheModel lets the fuzzer choose: each byte is a choice
// of the walk that the model test takes at random.
func FuzzOperationsAgreeWithTheModel(f *testing.F) {
	f.Add([]byte("\x05\x06\x02 some operations, chosen by these letters"))
	f.Fuzz(func(t *testing.T, choices []byte) {
		synctest.Test(t, func(t *testing.T) {
			intn := func(n int) int {
				if len(choices) == 0 {
					return 0
				}
				choice := int(choices[0])
				choices = choices[1:]
				return choice % n
			}
			p := newPair(options(intn))
			for len(choices) > 0 {
				require.NoError(t, p.step(intn))
			}
		})
	})
}
