package domain_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// goldens are entries whose stored form is kept in testdata: what an older
// version stored must be read as the same entry by all later ones.
func goldens() map[string]*domain.Entry {
	return map[string]*domain.Entry{
		"json": domain.NewEntry(domain.Value{
			Body: `{"key":"test","value":"Data for test from Oracle"}`, ContentType: "application/json",
		}, 30*time.Second, 2*time.Second),
		"empty":  domain.NewEntry(domain.Value{}, time.Millisecond, 0),
		"binary": domain.NewEntry(domain.Value{Body: "\x00\xff\x80mlc\x01", ContentType: "image/png"}, 24*time.Hour, 999*time.Millisecond),
		"kept":   domain.NewEntry(domain.Value{Body: "v", ContentType: "text/plain"}, 30*time.Second, time.Second).Kept(5 * time.Minute),
		"tagged": domain.NewEntry(domain.Value{
			Body: "v", ContentType: "text/plain", Version: 42, Tags: domain.Tags{"brand:9", "shop"},
			Validator: domain.Validator{ETag: `W/"7"`, LastModified: "Fri, 27 Nov 2026 04:00:00 GMT"},
		}, time.Minute, time.Second).Kept(time.Minute),
		"versioned": domain.NewEntry(domain.Value{Body: "v", Version: 1<<64 - 1}, time.Minute, 0),
		"validated": domain.NewEntry(domain.Value{Body: "v", Validator: domain.Validator{ETag: `"a"`}}, time.Minute, 0),
		"missing":   domain.NewMissing(5*time.Second, 15*time.Millisecond),
	}
}

// UPDATE_GOLDEN=1 writes the files of entries that have none yet; those that
// exist are never changed.
func TestTheStoredFormIsWhatItAlwaysWas(t *testing.T) {
	for name, e := range goldens() {
		file := filepath.Join("testdata", name+".v1")
		if _, err := os.Stat(file); os.IsNotExist(err) && os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(file, domain.AppendStored(nil, e), 0o600))
		}
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, golden, domain.AppendStored(nil, e), name)
		got, err := domain.ParseStored(string(golden))
		require.NoError(t, err)
		require.Equal(t, e, got, name)
	}
}

func TestWhatIsCutShortOrDamagedIsUndecodable(t *testing.T) {
	for name, e := range goldens() {
		whole := string(domain.AppendStored(nil, e))
		for n := range len(whole) {
			_, err := domain.ParseStored(whole[:n])
			require.ErrorIs(t, err, domain.ErrUndecodable, "%s cut to %d bytes", name, n)
		}
		for damaged, why := range map[string]string{
			whole + "x":                           "longer",
			"mlc\x02" + whole[4:]:                 "another version",
			whole[:4] + "\x80" + whole[5:]:        "an unknown flag",
			"mlc\x01\x00" + longVarint + "\x00":   "a life beyond all bounds",
			"mlc\x01\x00\x00\x00" + longVarint[:]: "a length beyond the end",
		} {
			_, err := domain.ParseStored(damaged)
			require.ErrorIs(t, err, domain.ErrUndecodable, "%s: %s", name, why)
		}
	}
}

const longVarint = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" // the largest uint64

func FuzzParseStored(f *testing.F) {
	for _, e := range goldens() {
		f.Add(string(domain.AppendStored(nil, e)))
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := domain.ParseStored(s)
		if err != nil {
			require.ErrorIs(t, err, domain.ErrUndecodable)
			return
		}
		again, err := domain.ParseStored(string(domain.AppendStored(nil, e)))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
