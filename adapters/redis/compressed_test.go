package redis

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// catalogue returns a JSON array of about n bytes, as an API answers it: names repeat,
// and so do some of the values.
func catalogue(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("pot kettle lid copper steel blue round small handle kitchen garden outdoor set classic heavy")
	var b strings.Builder
	b.WriteString("[")
	for id := 1; b.Len() < n; id++ {
		name := words[random.IntN(len(words))] + " " + words[random.IntN(len(words))] + " " + words[random.IntN(len(words))]
		fmt.Fprintf(&b, `{"id":%d,"sku":"%08x","name":%q,"price":{"amount":%d.%02d,"currency":"EUR"},"stock":%d,"active":%t,"updated":"2026-11-%02dT%02d:%02d:%02dZ"},`,
			id, random.Uint32(), name, random.IntN(900), random.IntN(100), random.IntN(5000), random.IntN(4) > 0,
			1+random.IntN(28), random.IntN(24), random.IntN(60), random.IntN(60))
	}
	return strings.TrimSuffix(b.String(), ",") + "]"
}

// noise returns n bytes that nothing makes smaller.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

func entryOf(body string) *domain.Entry {
	return domain.NewEntry(domain.Value{
		Body: body, ContentType: "application/json", Version: 7, Tags: domain.Tags{"shop"},
	}, time.Hour, time.Second).Kept(time.Minute)
}

func formsAbove(t testing.TB, above int) *forms {
	t.Helper()
	f, err := newForms(above)
	require.NoError(t, err)
	return f
}

func TestOnlyWhatIsLargerAndBecomesSmallerIsCompressed(t *testing.T) {
	t.Parallel()
	large := entryOf(catalogue(5000))
	size := len(domain.AppendStored(nil, large))
	for name, c := range map[string]struct {
		above      int
		e          *domain.Entry
		compressed bool
	}{
		"off":                 {0, large, false},
		"as large as allowed": {size, large, false},
		"a byte larger":       {size - 1, large, true},
		"noise":               {1, entryOf(noise(5000)), false},
		"tiny":                {1, entryOf("v"), false},
		"some blocks":         {1000, entryOf(catalogue(1 << 20)), true},
		"beyond what is read": {1000, entryOf(strings.Repeat("v", largestForm)), false},
	} {
		f, plain := formsAbove(t, c.above), domain.AppendStored(nil, c.e)
		stored := f.of(c.e)
		if c.compressed {
			require.Less(t, len(stored), len(plain), name)
			require.Equal(t, "mlc\x02", string(stored[:4]), name)
			require.EqualValues(t, len(plain), lengthOf(string(stored[:100])), name)
			_, err := domain.ParseStored(string(stored))
			require.ErrorIs(t, err, domain.ErrUndecodable, "%s: to a version that does not know it, it is a miss", name)
		} else {
			require.Equal(t, plain, stored, name)
		}
		for _, reader := range []*forms{f, formsAbove(t, 0)} {
			got, err := reader.parse(string(stored))
			require.NoError(t, err, name)
			require.Equal(t, c.e, got, name)
		}
	}
}

// The files hold one entry: as it is (json.v1), as the first version compressed it
// (json.v2), and as the program zstd does (reference.v2). They are never changed: what
// is stored must be read by all later versions. What an encoder writes may change.
func TestTheCompressedFormIsReadAsItAlwaysWas(t *testing.T) {
	t.Parallel()
	read := func(name string) *domain.Entry {
		golden, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		e, err := formsAbove(t, 0).parse(string(golden))
		require.NoError(t, err, name)
		return e
	}
	want := read("json.v1")
	require.Equal(t, "application/json", want.ContentType())
	require.Equal(t, want, read("json.v2"))
	require.Equal(t, want, read("reference.v2"))
}

// claiming returns a compressed form that says it is so long.
func claiming(length uint64, frame string) string {
	return string(binary.AppendUvarint([]byte(compressedMagic), length)) + frame
}

func TestADamagedCompressedFormIsUndecodable(t *testing.T) {
	t.Parallel()
	f, e := formsAbove(t, 1), entryOf(catalogue(3000))
	whole := string(f.of(e))
	length, frame, isCompressed := compressed(whole)
	require.True(t, isCompressed)
	undecodable := func(stored, why string) {
		_, err := f.parse(stored)
		require.ErrorIs(t, err, domain.ErrUndecodable, why)
	}
	spared := 0
	for n := range len(whole) {
		undecodable(whole[:n], fmt.Sprintf("cut to %d bytes", n))
		flipped := []byte(whole)
		flipped[n] ^= 1 << (n % 8)
		got, err := f.parse(string(flipped))
		if err == nil { // a bit that says nothing
			require.Equal(t, e, got, "byte %d is wrong", n)
			spared++
			continue
		}
		require.ErrorIs(t, err, domain.ErrUndecodable, "byte %d is wrong", n)
	}
	require.Less(t, spared, 10, "the checksum is looked at")
	undecodable(whole+"x", "longer")
	undecodable(claiming(length-1, frame), "a length that is too short")
	undecodable(claiming(length+1, frame), "a length that is too long")
	undecodable(claiming(1<<63, frame), "a length beyond all bounds")
	undecodable(claiming(length, frame[:len(frame)/2]+frame), "two frames")
	undecodable(string(f.encoder.EncodeAll([]byte(whole), []byte(claiming(uint64(len(whole)), "")))), "compressed twice")
}

func TestTheContractsAreKeptWhereOneInstanceCompresses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	contractsOn(t, server.URL(), func(t *testing.T, name string, l LockerOptions) (a, b instance) {
		t.Helper()
		member := func(above int) instance {
			c := options(server.URL())
			c.Prefix, c.Timeout, c.CompressAbove = prefix+name+":", patience, above
			return instanceOf(t, c, l)
		}
		return member(1), member(0)
	})
}

func TestAmongManyWhatIsLargeWhenDecompressedIsLeftOut(t *testing.T) {
	t.Parallel()
	o := options(redistest.Start(t).URL())
	o.CompressAbove = 1000
	in := instanceOf(t, o, times)
	bodies := []string{catalogue(ports.LargeBytes / 2), catalogue(2 * ports.LargeBytes), catalogue(20 * ports.LargeBytes), "v"}
	keys := make([]domain.Key, len(bodies))
	for i, body := range bodies {
		keys[i] = parse(t, fmt.Sprint(i))
		require.NoError(t, in.store.Put(t.Context(), keys[i], entryOf(body)))
	}
	stored := in.client.rdb.StrLen(t.Context(), "mlc:{1}").Val()
	require.Less(t, stored, int64(ports.LargeBytes), "if not, the server would say that it is large")
	require.Positive(t, stored)
	found := in.store.GetMany(t.Context(), keys)
	for i, large := range []bool{false, true, true, false} {
		require.NoError(t, found[i].Err)
		require.Equal(t, large, found[i].Large, "key %d", i)
		require.Equal(t, !large, found[i].OK, "key %d", i)
		c, ok, err := in.store.Get(t.Context(), keys[i])
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, entryOf(bodies[i]), c.Entry)
		require.Greater(t, c.Remaining, 50*time.Minute)
	}
}

// What compressing costs, and saves: "ratio" is how many times smaller the server keeps
// the value.
func BenchmarkCompressed(b *testing.B) {
	for _, c := range []struct {
		name, body string
		above      int
	}{
		{"JSON", catalogue(64 << 10), 1}, {"noise", noise(64 << 10), 1}, {"JSON as it is", catalogue(64 << 10), 0},
	} {
		f, e := formsAbove(b, c.above), entryOf(c.body)
		plain, stored := domain.AppendStored(nil, e), string(f.of(e))
		b.Run("write 64KiB of "+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.of(e)
			}
			b.ReportMetric(float64(len(plain))/float64(len(stored)), "ratio")
		})
		b.Run("read 64KiB of "+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.parse(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
