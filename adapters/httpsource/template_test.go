package httpsource

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestAURLThatCannotWorkIsRefusedWithoutBeingQuoted(t *testing.T) {
	for name, raw := range map[string]string{
		"empty":                  "",
		"relative":               "/data/{key}",
		"no scheme":              "secret.example/{key}",
		"other scheme":           "ftp://user:secret@h/{key}",
		"no host":                "http:///{key}",
		"only a port":            "http://:80/{key}",
		"opaque":                 "http:secret/{key}",
		"no placeholder":         "http://user:secret@h/data?q=1",
		"other placeholder":      "http://user:secret@h/{name}",
		"placeholder in host":    "http://{key}.secret/",
		"placeholder in user":    "http://{key}:secret@h/",
		"placeholder after #":    "http://secret/#{key}",
		"dot segments":           "http://h/secret/../{key}",
		"escaped dot segments":   "http://h/secret%2f%2e%2e%2f{key}",
		"fragment":               "http://secret/{key}#top",
		"password with a slash":  "http://user:sec/ret@h/{key}",
		"broken escape":          "http://secret/%zz/{key}",
		"control character":      "http://secret/\n{key}",
		"port that is no number": "http://h:secret/{key}",
	} {
		_, err := New(Options{URL: raw, Timeout: 1, MaxBytes: 1, MaxConns: 1})
		require.ErrorContains(t, err, "URL", name)
		require.NotContains(t, err.Error(), "sec", name)
	}
}

// seen returns the URL that a backend sees for a key, as sent and as decoded.
func seen(t *testing.T, target, name string) (sent string, decoded *url.URL) {
	t.Helper()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { sent, decoded = r.RequestURI, r.URL })
	_, err := newSource(t, srv.URL+target).Load(t.Context(), key(t, name), domain.Validator{})
	require.NoError(t, err)
	return sent, decoded
}

func TestAnyKeyIsOnePathSegment(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "plain",
		"a/b":   "a%2Fb",
		"/":     "%2F",
		"a b":   "a%20b",
		"a+b":   "a+b",
		"ü":     "%C3%BC",
		"}":     "%7D",
		"{key}": "%7Bkey%7D",
		"a..b":  "a..b",
		"...":   "...",
		"..a/b": "..a%2Fb",
		"%2e":   "%252e",
		"?x":    "%3Fx",
		"#x":    "%23x",
		"%2F":   "%252F",
		"a;b":   "a%3Bb",
		"a&b=c": "a&b=c",
		`\`:     "%5C",
		"🦊":     "%F0%9F%A6%8A",
	} {
		uri, decoded := seen(t, "/a%2Fb/{key}/tail?fixed=1", name)
		assert.Equal(t, "/a%2Fb/"+want+"/tail?fixed=1", uri, name)
		assert.Equal(t, "/a/b/"+name+"/tail", decoded.Path)
	}
}

func TestAnyKeyIsOneQueryValue(t *testing.T) {
	for _, name := range []string{"plain", "a/b", "a b", "a+b", "ü", "}", "{key}", "..", "?x", "#x", "%2F", "a&fixed=2", "a;b", "🦊"} {
		_, decoded := seen(t, "/data?k={key}&fixed=1", name)
		assert.Equal(t, "/data", decoded.Path)
		assert.Equal(t, map[string][]string{"k": {name}, "fixed": {"1"}}, map[string][]string(decoded.Query()))
	}
}

func TestTheKeyMayBeNamedTwice(t *testing.T) {
	uri, _ := seen(t, "/{key}/{key}?k={key}", "a b")
	assert.Equal(t, "/a%20b/a%20b?k=a+b", uri)
}

func TestAQueryNeedsNoPath(t *testing.T) {
	uri, _ := seen(t, "?{key}", "a")
	assert.Equal(t, "/?a", uri)
}

func TestAKeyThatLeadsOutOfThePathIsNotSent(t *testing.T) {
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Error("asked for " + r.RequestURI) })
	for target, names := range map[string][]string{
		"/data/{key}":          {".", "..", "../x", "a/..", "a/../b", "a/./b", "./a", `..\x`, `a\..\b`, "..;/x", "a/..;p=1/b", "/../x", "//.."},
		"/data/{key}/tail?k=1": {"..", "../x"},
		"/data/x{key}.json":    {"..", "../x", "a/../b"},
		"/data/.{key}":         {".", "./x", "/x"},
		"/data/{key}?k={key}":  {"..", "../x"},
	} {
		s := newSource(t, srv.URL+target)
		for _, name := range names {
			require.ErrorIs(t, s.Check(key(t, name)), domain.ErrInvalidKey, "%s %s", target, name)
			_, err := s.Load(t.Context(), key(t, name), domain.Validator{})
			require.ErrorIs(t, err, domain.ErrInvalidKey, name)
			require.False(t, domain.IsLoadFailure(err))
		}
	}
	s := newSource(t, srv.URL+"/data?k={key}")
	for _, name := range []string{"..", "../x", "a/./b"} {
		require.NoError(t, s.Check(key(t, name)), name)
	}
}
