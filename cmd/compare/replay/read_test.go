package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

func TestTheFirstLineTellsTheFormat(t *testing.T) {
	for text, want := range map[string][]uint64{
		"a\nb\na\n":                  {0, 1, 0},
		"a\r\nb\r\na":                {0, 1, 0},
		"\n a b\n\na\n a b\n":        {0, 1, 0},
		"12\n7\n12\n":                {0, 1, 0},
		"1 2 3\n1 2 3\n":             {0, 0},
		"1 2 3 4\n9 1 0 2\n":         {1, 2, 9},
		"\n5\t3\t0\t0\n5 0 0 1\n5 1": {5, 6, 7, 5},
		"10 1 x 0\n10 1 x 0\n":       {0, 0},
		"4294967296 1 0 0\n":         {1 << 32},
	} {
		got, err := read("t", strings.NewReader(text), formatAuto)
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", text)
	}
}

func TestAFormatThatIsGivenIsNotGuessed(t *testing.T) {
	got, err := read("t", strings.NewReader("1 2 3 4\n"), formatLines)
	require.NoError(t, err)
	assert.Equal(t, []uint64{0}, got)

	got, err = read("t", strings.NewReader("7 2\n"), formatARC)
	require.NoError(t, err)
	assert.Equal(t, []uint64{7, 8}, got)
}

func TestALineThatIsNoRequestIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"1 1 0 0\n\nfive\n":                    `t:3: "five" is not "start count ignored request"`,
		"1 1 0 0\nx 1 0 0\n":                   `t:2: the start "x" is not a whole number`,
		"1 1 0 0\n-1 1 0 0":                    `t:2: the start "-1" is not a whole number`,
		"1 1 0 0\n1 y 0 0":                     `t:2: the count "y" is not a whole number up to 16777216`,
		"1 16777217 0 0\n":                     `t:1: the count "16777217" is not a whole number up to 16777216`,
		"1 1 0 0\n18446744073709551615 2 0 1":  "t:2: start 18446744073709551615 and count 2 exceed 64 bits",
		"a\n" + strings.Repeat("x", maxLine+1): "t:2: the line has more than 1048576 bytes",
	} {
		_, err := read("t", strings.NewReader(text), formatAuto)
		assert.EqualError(t, err, want)
	}
}

func TestOneErrorIsOneShortLine(t *testing.T) {
	_, err := read("t", strings.NewReader(strings.Repeat("\x00\xff", 500)+"\n"), formatARC)
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 300)
	assert.NotContains(t, err.Error(), "\n")
}

// compressions are ways to store a trace, by the ending of the file's name.
var compressions = map[string]func(t *testing.T, w io.Writer) io.WriteCloser{
	"gz": func(_ *testing.T, w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"zst": func(t *testing.T, w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		require.NoError(t, err)
		return z
	},
	"xz": func(t *testing.T, w io.Writer) io.WriteCloser {
		z, err := xz.NewWriter(w)
		require.NoError(t, err)
		return z
	},
}

func compress(t *testing.T, ending, text string) []byte {
	var b bytes.Buffer
	z := compressions[ending](t, &b)
	_, err := io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func write(t *testing.T, name string, content []byte) (path string) {
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestCompressedTracesAreReadWhateverTheirName(t *testing.T) {
	for ending := range compressions {
		packed := compress(t, ending, "a\nb\na\n")
		for _, name := range []string{"trace." + ending, "trace"} {
			got, err := open(write(t, name, packed), formatAuto, nil)
			require.NoError(t, err)
			assert.Equal(t, []uint64{0, 1, 0}, got, ending)
		}
		got, err := open("-", formatAuto, bytes.NewReader(packed))
		require.NoError(t, err)
		assert.Equal(t, []uint64{0, 1, 0}, got, ending)

		twice := append(bytes.Clone(packed), packed...)
		got, err = open("-", formatAuto, bytes.NewReader(twice))
		require.NoError(t, err)
		assert.Equal(t, []uint64{0, 1, 0, 0, 1, 0}, got, "%s, joined", ending)
	}
}

func TestATraceCutShortIsAnErrorNotAShorterTrace(t *testing.T) {
	text := strings.Repeat("1 1 0 0\n", 1000)
	for ending := range compressions {
		packed := compress(t, ending, text)
		path := write(t, "trace."+ending, packed[:len(packed)-3])
		_, err := open(path, formatAuto, nil)
		assert.ErrorContains(t, err, path+": ", ending)
		_, err = open(write(t, "t", packed[:7]), formatAuto, nil)
		assert.Error(t, err, ending)
	}
}

func TestAFileThatHoldsNoTraceIsAnError(t *testing.T) {
	empty := write(t, "empty", nil)
	_, err := open(empty, formatAuto, nil)
	assert.EqualError(t, err, empty+": it holds no requests")
	_, err = open("/absent", formatAuto, nil)
	assert.EqualError(t, err, "/absent: no such file or directory")
	_, err = open(filepath.Dir(empty), formatAuto, nil)
	assert.ErrorContains(t, err, "is a directory")
}
