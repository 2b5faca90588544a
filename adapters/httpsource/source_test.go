package httpsource

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports/portstest"
)

func TestMain(m *testing.M) { portstest.Main(m) }

func key(t *testing.T, name string) domain.Key {
	t.Helper()
	k, err := domain.ParseKey(name)
	require.NoError(t, err)
	return k
}

// newSource returns a source with sensible options for a URL.
func newSource(t *testing.T, url string, change ...func(*Options)) *Source {
	t.Helper()
	opts := Options{URL: url, Timeout: time.Minute, MaxBytes: 1 << 20, MaxConns: 4}
	for _, f := range change {
		f(&opts)
	}
	s, err := New(opts)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// load asks a backend that answers with h for one key.
func load(t *testing.T, h http.HandlerFunc, change ...func(*Options)) (domain.Value, error) {
	t.Helper()
	return newSource(t, serve(t, h).URL+"/{key}", change...).Load(t.Context(), key(t, "k"), domain.Validator{})
}

func maxBytes(n int64) func(*Options) { return func(o *Options) { o.MaxBytes = n } }

func TestOptionsMustBePositive(t *testing.T) {
	for name, o := range map[string]Options{
		"Timeout":  {URL: "http://h/{key}", MaxBytes: 1, MaxConns: 1},
		"MaxBytes": {URL: "http://h/{key}", Timeout: 1, MaxConns: 1},
		"MaxConns": {URL: "http://h/{key}", Timeout: 1, MaxBytes: 1},
	} {
		_, err := New(o)
		require.ErrorContains(t, err, name)
	}
}

func TestTheBodyIsTheValueAndKeepsItsContentType(t *testing.T) {
	for _, contentType := range []string{"text/html; charset=\"UTF-8\"", "application/vnd.x+json", "no media type"} {
		v, err := load(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, "a\x00b\r\n")
		})
		require.NoError(t, err)
		assert.Equal(t, domain.Value{Body: "a\x00b\r\n", ContentType: contentType}, v)
	}
}

func TestTheRequestSaysWhoAsksAndAcceptsAnythingUnencoded(t *testing.T) {
	_, err := load(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "GET", r.Method)
		assert.Equal(t, "multi-layer-cache", r.UserAgent())
		assert.Equal(t, "*/*", r.Header.Get("Accept"))
		assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
	})
	require.NoError(t, err)
}

// statuses serves each status at its own path, with these headers.
func statuses(t *testing.T, headers ...string) *Source {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscan(r.URL.Path[1:], &status)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
	})
	return newSource(t, srv.URL+"/{key}")
}

func TestEveryStatusIsAValueAnAbsenceAWithdrawalOrAFailure(t *testing.T) {
	s := statuses(t)
	for status := 200; status < 600; status++ {
		_, err := s.Load(t.Context(), key(t, fmt.Sprint(status)), domain.Validator{})
		switch status {
		case 200:
			require.NoError(t, err)
			continue
		case 404, 410:
			require.ErrorIs(t, err, domain.ErrNotFound)
			require.False(t, domain.IsLoadFailure(err))
		case 401, 403, 451:
			require.ErrorIs(t, err, domain.ErrWithdrawn, status)
			require.NotErrorIs(t, err, domain.ErrSourceFailed)
		default:
			require.ErrorIs(t, err, domain.ErrSourceFailed, status)
		}
		require.Equal(t, status, domain.SourceStatus(err))
		require.ErrorContains(t, err, fmt.Sprint(status))
	}
}

func TestASourceMayAskToBeLeftAlone(t *testing.T) {
	now := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) // by the clock of the source
	for given, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"7":                    7 * time.Second,
		"-7":                   0,
		"7.5":                  0,
		"soon":                 0,
		"999999":               time.Minute,
		"18446744073709551615": time.Minute,
		now.Add(7 * time.Second).Format(http.TimeFormat):  7 * time.Second,
		now.Add(-7 * time.Second).Format(http.TimeFormat): 0,
	} {
		s := statuses(t, "Retry-After", given, "Date", now.Format(http.TimeFormat))
		for _, status := range []string{"503", "429", "403", "500"} {
			_, err := s.Load(t.Context(), key(t, status), domain.Validator{})
			require.Equal(t, want, domain.Cooldown(err, 0), "%q", given)
		}
	}
	s := statuses(t, "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	_, err := s.Load(t.Context(), key(t, "503"), domain.Validator{})
	require.Equal(t, time.Minute, domain.Cooldown(err, 0))
	require.ErrorIs(t, err, domain.ErrSourceBusy)
	_, err = s.Load(t.Context(), key(t, "500"), domain.Validator{})
	require.NotErrorIs(t, err, domain.ErrSourceBusy)
}

func TestABodyMayBeAsLargeAsTheLimit(t *testing.T) {
	const size = 10 << 20
	for _, limit := range []int64{size, size + 1, math.MaxInt64} {
		for _, chunked := range []bool{false, true} {
			v, err := load(t, tenMiB(size, chunked), maxBytes(limit))
			require.NoError(t, err)
			assert.Len(t, v.Body, size)
		}
	}
}

func TestALargerBodyIsAFailureThatSaysSo(t *testing.T) {
	const size = 10 << 20
	for _, limit := range []int64{1, size - 1} {
		for _, chunked := range []bool{false, true} {
			v, err := load(t, tenMiB(size, chunked), maxBytes(limit))
			require.ErrorIs(t, err, domain.ErrSourceFailed)
			require.ErrorIs(t, err, domain.ErrTooLarge)
			assert.Zero(t, v)
		}
	}
}

func tenMiB(size int, chunked bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !chunked {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		_, _ = w.Write(make([]byte, size))
	}
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	_, err := load(t, func(w http.ResponseWriter, r *http.Request) {
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 1024))
		}
	}, maxBytes(100_000))
	require.ErrorIs(t, err, domain.ErrTooLarge)
}

func TestABodyCutShortIsAFailure(t *testing.T) {
	for _, length := range []string{"100", ""} { // announced, chunked
		v, err := load(t, func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			fmt.Fprint(w, "half a bo")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		require.ErrorIs(t, err, domain.ErrSourceFailed)
		assert.Zero(t, v)
	}
}

func TestAnEncodedBodyIsAFailure(t *testing.T) {
	for _, lines := range [][]string{{"br"}, {"identity", "gzip"}, {"identity, deflate"}, {"", "GZIP"}, {"never-heard-of"}, {"identity,,x-gzip"}} {
		_, err := load(t, encoded(lines))
		require.ErrorIs(t, err, domain.ErrSourceFailed, lines)
		require.Equal(t, http.StatusOK, domain.SourceStatus(err))
	}
	for _, lines := range [][]string{{"identity"}, {"Identity", "identity"}, {"identity, identity"}, {""}, {" , "}} {
		_, err := load(t, encoded(lines))
		require.NoError(t, err, lines)
	}
}

func encoded(lines []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Encoding"] = lines
		fmt.Fprint(w, "compressed")
	}
}

func TestHeadersWithoutEndAreAFailure(t *testing.T) {
	_, err := load(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", strings.Repeat("x", 2*maxHeaderBytes))
	})
	require.ErrorIs(t, err, domain.ErrSourceFailed)
}
