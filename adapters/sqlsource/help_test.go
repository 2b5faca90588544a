package sqlsource

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

// patience is for what ends by itself, on any machine.
const patience = time.Minute

func newSource(t testing.TB, dsn, query string, change ...func(*Options)) *Source {
	t.Helper()
	o := Options{DSN: dsn, Query: query, Timeout: patience, MaxBytes: 1 << 20, MaxConns: 4}
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func key(t testing.TB, s string) domain.Key {
	t.Helper()
	k, err := domain.ParseKey(s)
	require.NoError(t, err)
	return k
}

func keys(t testing.TB, names ...string) []domain.Key {
	t.Helper()
	ks := make([]domain.Key, len(names))
	for i, name := range names {
		ks[i] = key(t, name)
	}
	return ks
}

// numbers returns the keys from 1 to n.
func numbers(t testing.TB, n int) []domain.Key {
	t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i + 1)
	}
	return keys(t, names...)
}

func load(t testing.TB, s *Source, name string) (domain.Value, error) {
	t.Helper()
	return s.Load(t.Context(), key(t, name), domain.Validator{})
}

// begin starts a load, and returns where its error comes out.
func begin(ctx context.Context, t testing.TB, s *Source, name string) <-chan error {
	t.Helper()
	k, ended := key(t, name), make(chan error, 1)
	go func() {
		_, err := s.Load(ctx, k, domain.Validator{})
		ended <- err
	}()
	return ended
}

// fill has the pool keep four connections.
func fill(t testing.TB, s *Source) {
	t.Helper()
	var loads []<-chan error
	for range 4 {
		loads = append(loads, begin(t.Context(), t, s, "1"))
	}
	for _, ended := range loads {
		require.NoError(t, <-ended)
	}
}

// body returns the value of a key, which has one.
func body(t testing.TB, s *Source, name string) string {
	t.Helper()
	v, err := load(t, s, name)
	require.NoError(t, err, name)
	return v.Body
}

// shown writes results one after the other.
func shown(results []ports.Loaded) string {
	var out []string
	for _, r := range results {
		if r.Err != nil {
			out = append(out, "("+r.Err.Error()+")")
		} else {
			out = append(out, r.Value.Body)
		}
	}
	return strings.Join(out, " ")
}

// sqliteFile makes a database and returns its DSN.
func sqliteFile(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a b%.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())
	return "sqlite://" + strings.ReplaceAll(strings.ReplaceAll(path, "%", "%25"), " ", "%20")
}

// journal is a log that a test reads.
type journal struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
