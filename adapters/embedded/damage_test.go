package embedded_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const page = 8 << 10

// stored is what a whole data directory has.
func stored() map[string]*domain.Entry {
	all := map[string]*domain.Entry{}
	for i := range 60 {
		all[fmt.Sprint("small", i)] = entry(fmt.Sprint("value", i, strings.Repeat("s", 20*i)), time.Hour)
	}
	for i := range 3 {
		all[fmt.Sprint("large", i)] = entry(strings.Repeat(fmt.Sprint("L", i), 20_000), time.Hour)
	}
	return all
}

// whole returns the file of a layer that was filled and closed.
func whole(t *testing.T) []byte {
	o := disk(t)
	l := open(t, o)
	for name, e := range stored() {
		fill(t, l, name, e)
	}
	fill(t, l, "gone", entry(strings.Repeat("x", 10*page), time.Hour)) // leaves free pages
	require.NoError(t, l.Invalidate(t.Context(), key(t, "gone"), domain.Invalidation{}))
	require.NoError(t, l.Close())
	raw, err := os.ReadFile(filepath.Join(o.Dir, "mlcache.db"))
	require.NoError(t, err)
	return raw
}

// survives opens a layer on a file: nothing wrong may be served, and after a few
// calls everything works.
func survives(t *testing.T, file []byte) (served int, log string) {
	t.Helper()
	o, says := disk(t), &lines{}
	o.Logger = says.logger()
	require.NoError(t, os.MkdirAll(o.Dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "mlcache.db"), file, 0o600))
	l, err := embedded.Open(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	for name, e := range stored() {
		c, ok, err := l.Get(t.Context(), key(t, name))
		if ok && err == nil {
			require.Equal(t, e, c.Entry, name)
			served++
		}
	}
	_, ok, _ := l.Get(t.Context(), key(t, "gone"))
	require.False(t, ok)
	for name, e := range stored() {
		require.NoError(t, l.Put(t.Context(), key(t, name), e))
		require.Equal(t, e, get(t, l, name).Entry)
	}
	require.Equal(t, "embedded", l.Health(t.Context()))
	require.LessOrEqual(t, strings.Count(says.String(), "level=WARN"), 1, says.String())
	return served, says.String()
}

func TestADamagedFileIsStartedAgainWithOneLine(t *testing.T) {
	file := whole(t)
	served, log := survives(t, file)
	require.Len(t, stored(), served, "the test itself")
	require.Empty(t, log)
	garbage := make([]byte, len(file))
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(garbage); i++ {
		garbage[i] = byte(r.Uint32())
	}
	for name, damaged := range map[string][]byte{
		"garbage":             garbage,
		"a text":              []byte("not a database\n"),
		"garbage in its head": append(garbage[:100:100], file[100:]...),
		"cut in its head":     file[:50],
		"cut after its head":  file[:page],
		"cut in half":         file[:len(file)/2],
		"cut in a page":       file[:len(file)/2+100],
		"zeros":               make([]byte, len(file)),
		"another version":     patched(file, 60, 0, 0, 0, 9),
	} {
		t.Run(name, func(t *testing.T) {
			_, log := survives(t, damaged)
			require.Equal(t, 1, strings.Count(log, "starting again with an empty file"), log)
		})
	}
}

func TestAnEmptyFileIsAnEmptyLayer(t *testing.T) {
	_, log := survives(t, nil)
	require.Empty(t, log)
}

// Each page in turn is lost: a leaf, an inner page, a piece of a value, a free one.
func TestNoLostPageServesAWrongValue(t *testing.T) {
	file := whole(t)
	for at := 0; at < len(file); at += page {
		survives(t, patched(file, at, make([]byte, page)...))
	}
}

func TestADamagedSchemaServesNoWrongValue(t *testing.T) {
	file := whole(t)
	for i := range 30 {
		survives(t, patched(file, strings.LastIndex(string(file[:page]), "CREATE TABLE entry")+7*i, 'x'))
	}
}

func TestNoDamagedByteServesAWrongValue(t *testing.T) {
	file := whole(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		damaged := file
		for range 1 + r.IntN(20) {
			damaged = patched(damaged, 100+r.IntN(len(file)-200), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()))
		}
		survives(t, damaged)
	}
}

func patched(file []byte, at int, with ...byte) []byte {
	file = append([]byte(nil), file...)
	copy(file[at:], with)
	return file
}
