package httpsource

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	tag      = `"v1"`
	modified = "Sun, 06 Nov 1994 08:49:36 GMT"
)

func TestAValidatorIsKeptWhenItIsOneAndNotTooLong(t *testing.T) {
	long := `"` + strings.Repeat("x", maxValidator-2) + `"`
	for header, want := range map[string]domain.Validator{
		"X: y":                      {},
		"ETag: " + tag:              {ETag: tag},
		`ETag: ""`:                  {ETag: `""`},
		`ETag: W/"weak"`:            {ETag: `W/"weak"`},
		"ETag: \"\x80\xff\"":        {ETag: "\"\x80\xff\""},
		"ETag: " + long:             {ETag: long},
		"ETag: W/" + long:           {},
		"ETag: no-quotes":           {},
		`ETag: "`:                   {},
		`ETag: "a"b"`:               {},
		`ETag: "a b"`:               {},
		`ETag: w/"a"`:               {},
		`ETag: "a", "b"`:            {},
		"ETag: \"\"\nETag: \"two\"": {ETag: `""`},

		"Last-Modified: " + modified + date:                                                             {LastModified: modified},
		"Last-Modified: Sunday, 06-Nov-94 08:49:36 GMT" + date:                                          {LastModified: "Sunday, 06-Nov-94 08:49:36 GMT"},
		"Last-Modified: " + modified + date + "\nETag: " + tag:                                          {ETag: tag, LastModified: modified},
		"Last-Modified: Sun, 06 Nov 1994 08:49:36." + strings.Repeat("0", maxValidator) + " GMT" + date: {},
		"Last-Modified: yesterday" + date:                                                               {},
		"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT" + date:                                           {}, // the same second
		"Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT" + date:                                           {},
		"ETag: x\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT" + date:                                  {},
		"ETag: \"\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT" + date:                               {ETag: `""`, LastModified: "Sun, 06 Nov 1994 08:49:37 GMT"},
		"Last-Modified: " + modified:                                                                    {LastModified: modified},
		"Last-Modified: Sun, 06 Nov 1994 10:00:00 GMT":                                                  {}, // now
	} {
		require.Equal(t, want, validatorOf(headerOf(header), now), header)
	}
}

func FuzzValidators(f *testing.F) {
	f.Add(tag, modified)
	f.Add(`W/"a`+"\xff\"", "Sun Nov  6 08:49:37 1994")
	f.Add("\"\r\n\"", "Sun, 06 Nov 1994 08:49:36.000000000000 GMT")
	f.Fuzz(func(t *testing.T, etag, lastModified string) {
		v := usable(domain.Validator{ETag: etag, LastModified: lastModified})
		require.LessOrEqual(t, len(v.ETag), maxValidator)
		require.LessOrEqual(t, len(v.LastModified), maxValidator)
		require.Equal(t, v, usable(v))
		h := http.Header{}
		condition(h, v)
		require.Equal(t, v.ETag, h.Get(ifNoneMatch))
		require.Equal(t, v.LastModified, h.Get(ifModifiedSince))
		require.False(t, strings.ContainsFunc(v.ETag+v.LastModified, func(r rune) bool { return r < ' ' || r == 0x7f }), "no request could be sent")
	})
}

// conditions answers with those of the request, as ETag and Last-Modified were.
func conditions(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "%s%s", r.Header[ifNoneMatch], r.Header[ifModifiedSince])
}

func TestARequestIsConditionalWhenAValidatorIsHeld(t *testing.T) {
	s := newSource(t, serve(t, conditions).URL+"/{key}")
	for _, c := range []struct {
		held domain.Validator
		sent string
	}{
		{domain.Validator{}, "[][]"},
		{domain.Validator{ETag: tag}, `["v1"][]`},
		{domain.Validator{ETag: `W/"v1"`}, `[W/"v1"][]`},
		{domain.Validator{LastModified: modified}, "[][" + modified + "]"},
		{domain.Validator{ETag: tag, LastModified: modified}, `["v1"][` + modified + "]"},
		{domain.Validator{ETag: "of another\nsource", LastModified: "7"}, "[][]"},
	} {
		v, err := s.Load(t.Context(), key(t, "k"), c.held)
		require.NoError(t, err)
		require.Equal(t, c.sent, v.Body)
	}
}

// confirm answers 304 with these header lines to a load that holds held.
func confirm(t *testing.T, lines string, held domain.Validator) (domain.Value, error) {
	t.Helper()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range headerOf(lines) {
			w.Header()[name] = values
		}
		w.WriteHeader(http.StatusNotModified)
	})
	return newSource(t, srv.URL+"/{key}").Load(t.Context(), key(t, "k"), held)
}

func TestWhatTheHeaderOfA304SaysHoldsFromNowOn(t *testing.T) {
	const later = "Sun, 06 Nov 1994 08:49:37 GMT"
	both := domain.Validator{ETag: tag, LastModified: modified}
	for _, c := range []struct {
		lines      string
		held, want domain.Validator
	}{
		{"", both, both},
		{"ETag: " + tag, both, both},
		{`ETag: W/"v1"`, both, domain.Validator{ETag: `W/"v1"`, LastModified: modified}},
		{"Last-Modified: " + later, both, domain.Validator{ETag: tag, LastModified: later}},
		{"ETag: no-tag", both, both},
		{"ETag: " + tag, domain.Validator{ETag: `W/"v1"`}, domain.Validator{ETag: tag}},
		// A tag that was not compared could be one of what came in the same second.
		{"ETag: " + tag, domain.Validator{LastModified: modified}, domain.Validator{LastModified: modified}},
	} {
		v, err := confirm(t, c.lines+"\nCache-Control: max-age=60\nSurrogate-Key: b a", c.held)
		require.ErrorIs(t, err, domain.ErrNotModified)
		require.Equal(t, domain.Value{TTL: time.Minute, Validator: c.want, Tags: domain.Tags{"a", "b"}}, v, c.lines)
	}
	v, err := confirm(t, "Cache-Control: no-store", both)
	require.ErrorIs(t, err, domain.ErrNotModified)
	require.True(t, v.NoStore)
}

func TestA304ThatConfirmsSomethingElseIsAFailure(t *testing.T) {
	for _, c := range []struct {
		lines string
		held  domain.Validator
	}{
		{"", domain.Validator{}},
		{"ETag: " + tag, domain.Validator{}},
		{"", domain.Validator{ETag: "not sent"}},
		{`ETag: "v2"`, domain.Validator{ETag: tag}},
		{`ETag: W/"v2"`, domain.Validator{ETag: tag, LastModified: modified}},
	} {
		v, err := confirm(t, c.lines, c.held)
		require.ErrorIs(t, err, domain.ErrSourceFailed, "%q %v", c.lines, c.held)
		require.NotErrorIs(t, err, domain.ErrNotModified)
		require.Equal(t, http.StatusNotModified, domain.SourceStatus(err))
		require.Zero(t, v)
	}
}

func TestTheBodyThatA304MustNotHaveIsNotRead(t *testing.T) {
	for i, announced := range []string{"\r\n", "Content-Length: 0\r\n\r\n", "Content-Length: 1000\r\n\r\n", "Content-Length: 5\r\n\r\nab", "Content-Length: 40\r\n\r\n" + ok, "Transfer-Encoding: chunked\r\n\r\n"} {
		o := newOrigin(t, func(o *origin, conn net.Conn) {
			for r := bufio.NewReader(conn); ; {
				switch o.request(r) {
				case "":
					return
				case "/new":
					io.WriteString(conn, ok)
				default:
					io.WriteString(conn, "HTTP/1.1 304 Not Modified\r\n"+announced)
				}
			}
		})
		s := newSource(t, "http://"+o.addr+"/{key}", func(opts *Options) { opts.MaxConns = 1 })
		for range 3 {
			_, err := s.Load(t.Context(), key(t, "held"), domain.Validator{ETag: tag})
			require.ErrorIs(t, err, domain.ErrNotModified)
			s.conns.mu.Lock()
			idle := len(s.conns.idle)
			s.conns.mu.Unlock()
			require.Equal(t, i < 2, idle > 0, "the next answer could begin with the body of this one")
			_, err = s.Load(t.Context(), key(t, "held"), domain.Validator{})
			require.ErrorIs(t, err, domain.ErrSourceFailed)
			v, err := s.Load(t.Context(), key(t, "new"), domain.Validator{ETag: tag})
			require.NoError(t, err)
			require.Equal(t, "v", v.Body)
		}
		require.EqualValues(t, 9, o.asked.Load())
	}
}

func TestAValidatorBelongsToTheURLOfTheKeyAlone(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		switch r.URL.Path {
		case "/from":
			assert.Equal(t, tag, r.Header.Get(ifNoneMatch))
			http.Redirect(w, r, "/to", http.StatusFound)
		case "/lying":
			http.Redirect(w, r, "/confirms", http.StatusFound)
		case "/confirms":
			w.WriteHeader(http.StatusNotModified)
		default:
			conditions(w, r)
		}
	})
	s := newSource(t, srv.URL+"/{key}")
	held := domain.Validator{ETag: tag, LastModified: modified}
	v, err := s.Load(t.Context(), key(t, "from"), held)
	require.NoError(t, err)
	require.Equal(t, "[][]", v.Body)
	require.Zero(t, v.Validator)
	_, err = s.Load(t.Context(), key(t, "lying"), held)
	require.ErrorIs(t, err, domain.ErrSourceFailed)
	require.Equal(t, http.StatusNotModified, domain.SourceStatus(err))
}
