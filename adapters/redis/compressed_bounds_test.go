package redis

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// allocated returns how many bytes f allocates. No other test may run.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bombs are small forms that say they are, or become, very large.
func bombs(f *forms) map[string]string {
	zeros := make([]byte, 32<<20)
	return map[string]string{
		"larger than it says":      claiming(1000, string(f.encoder.EncodeAll(zeros, nil))),
		"too large":                claiming(largestForm+1, string(f.encoder.EncodeAll(make([]byte, largestForm+1), nil))),
		"as large as anything":     claiming(1<<64-1, string(f.encoder.EncodeAll(zeros, nil))),
		"many frames":              claiming(1000, strings.Repeat(string(f.encoder.EncodeAll(zeros[:1000], nil)), 1000)),
		"a frame of unknown size":  claiming(1000, unknownSize),
		"a window beyond bounds":   claiming(1000, "\x28\xb5\x2f\xfd\x00\xf0"+unknownSize[6:]),
		"a size in its own header": claiming(1000, "\x28\xb5\x2f\xfd\xc0\x00\xff\xff\xff\xff\xff\xff\xff\x7f"+unknownSize[6:]),
	}
}

// unknownSize is a frame without the size of what it becomes, which is 1,000 blocks of
// 128 KiB of the same byte.
var unknownSize = "\x28\xb5\x2f\xfd\x00\x58" + strings.Repeat("\x02\x00\x10v", 1000)

// mostAllocated is what parse may allocate for stored: it may claim what it likes.
func mostAllocated(stored string) uint64 {
	length, _, _ := compressed(stored)
	if length > largestForm {
		length = 0
	}
	// The tables of a coder, and an error; tags and texts of an entry, per byte.
	return 2*length + 8*uint64(len(stored)) + 1<<20
}

func TestNoFormMakesAReaderAllocateMoreThanItClaimsNorWithoutLimit(t *testing.T) {
	f := formsAbove(t, 1)
	for name, stored := range bombs(f) {
		require.LessOrEqual(t, allocated(func() {
			_, err := f.parse(stored)
			require.ErrorIs(t, err, domain.ErrUndecodable, name)
		}), mostAllocated(stored), name)
	}
}

func FuzzCompressed(f *testing.F) {
	forms := formsAbove(f, 1)
	whole := string(forms.of(entryOf(catalogue(3000))))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(claiming(largestForm, whole[6:]))
	f.Add(string(domain.AppendStored(nil, entryOf("v"))))
	for _, stored := range bombs(forms) {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		var e *domain.Entry
		var err error
		took := allocated(func() { e, err = forms.parse(stored) })
		require.LessOrEqual(t, took, mostAllocated(stored))
		if err != nil {
			require.ErrorIs(t, err, domain.ErrUndecodable)
			return
		}
		again, err := forms.parse(string(forms.of(e)))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
