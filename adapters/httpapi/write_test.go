package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func writable() *parts { return &parts{access: httpapi.Access{Token: "s3cret", MaxValueBytes: 8}} }

func (p *parts) write(t *testing.T, method, target, authorization string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, body)
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func TestAPutStoresTheBodyByteForByteWithItsType(t *testing.T) {
	for _, body := range []string{"", "v", "\x00\xff\x80", "12345678"} {
		p := writable()
		w := p.write(t, "PUT", "/data/a%2Fb%20%7D", "Bearer s3cret", strings.NewReader(body))
		require.Equal(t, 204, w.Code)
		require.Empty(t, w.Body.String())
		require.Equal(t, []string{"a/b }"}, p.asked)
		require.Equal(t, []domain.Value{{Body: body, ContentType: "text/plain; charset=utf-8"}}, p.put)
	}
}

// with sends a write with headers, given as names and values in turn.
func (p *parts) with(t *testing.T, method string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/data/k", strings.NewReader("v"))
	r.Header.Set("Authorization", "Bearer s3cret")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.api().ServeHTTP(w, r)
	return w
}

func TestAWriteUnderAConditionIsRefused(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE"} {
		for _, condition := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
			for _, value := range []string{"*", `"a"`, "", "Fri, 01 Jan 2100 00:00:00 GMT"} {
				p := writable()
				got := requireProblem(t, p.with(t, method, condition, value), 501, "condition-unsupported")
				require.Contains(t, got.Detail, condition)
				require.Empty(t, p.asked)
			}
		}
		require.Equal(t, 204, writable().with(t, method, "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT").Code, "that is for reading alone")
		p := writable()
		p.access.Token = "another"
		requireProblem(t, p.with(t, method, "If-Match", "*"), 401, "wrong-token")
	}
}

func TestABodyThatIsNoWholeValueIsRefused(t *testing.T) {
	for _, c := range []struct {
		headers []string
		status  int
		kind    string
	}{
		{[]string{"Content-Range", "bytes 0-0/2"}, 400, "partial-value"},
		{[]string{"Content-Range", ""}, 400, "partial-value"},
		{[]string{"Content-Encoding", "gzip"}, 415, "content-coding"},
		{[]string{"Content-Encoding", "identity, br"}, 415, "content-coding"},
		{[]string{"Content-Encoding", "identity", "Content-Encoding", "x"}, 415, "content-coding"},
		{[]string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "media-type"},
		{[]string{"Content-Type", "Application/X-WWW-Form-Urlencoded; charset=utf-8"}, 415, "media-type"},
		{[]string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "media-type"},
		{[]string{"Content-Type", "text"}, 415, "media-type"},
		{[]string{"Content-Type", "text/"}, 415, "media-type"},
		{[]string{"Content-Type", "/plain"}, 415, "media-type"},
		{[]string{"Content-Type", "text/plain/x"}, 415, "media-type"},
		{[]string{"Content-Type", "text/plain; charset"}, 415, "media-type"},
		{[]string{"Content-Type", "text/plain; charset=\"x"}, 415, "media-type"},
		{[]string{"Content-Type", "text/pl ain"}, 415, "media-type"},
		{[]string{"Content-Type", "text/plain", "Content-Type", "text/html"}, 415, "media-type"},
	} {
		p := writable()
		w := p.with(t, "PUT", c.headers...)
		requireProblem(t, w, c.status, c.kind)
		require.Equal(t, c.kind == "content-coding", w.Header().Get("Accept-Encoding") == "identity")
		require.Empty(t, p.asked)
	}
	for _, headers := range [][]string{
		{"Content-Encoding", "Identity"}, {"Content-Encoding", ""}, {"Content-Type", ""}, {}, {"Content-Type", `a/b+c; x="; y"`}, {"Range", "bytes=0-0"},
	} {
		require.Equal(t, 204, writable().with(t, "PUT", headers...).Code, headers)
	}
	require.Contains(t, requireProblem(t, writable().with(t, "PUT", "Content-Type", "application/x-www-form-urlencoded"), 415, "media-type").Detail, "Content-Type")
}

func TestCacheControlGivesAWrittenValueItsTTL(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"": -1, "max-age=7": 7 * time.Second, "max-age=0": 0, "no-store": 0, "max-age=7, no-store": 0, "max-age=x": -1, "x, max-age = 7": 7 * time.Second,
		"no-cache": -1, "no-cache, max-age=7": 7 * time.Second, `private="a, max-age=1", max-age=7`: 7 * time.Second, "max-age=x, max-age=7": 7 * time.Second,
		"max-age=7, max-age=8": 7 * time.Second, `max-age="7"`: 7 * time.Second, "max-age=99999999999999999999": 1 << 31 * time.Second, "s-maxage=3": -1,
	} {
		p := writable()
		require.Equal(t, 204, p.with(t, "PUT", "Cache-Control", given).Code)
		require.Equal(t, []time.Duration{want}, p.lives, given)
	}
}

func TestAWrittenValueHasTheTagsAndTheVersionOfItsHeader(t *testing.T) {
	for _, c := range []struct {
		headers []string
		tags    domain.Tags
		version uint64
	}{
		{nil, nil, 0},
		{[]string{"Surrogate-Key", ""}, nil, 0},
		{[]string{"Surrogate-Key", " b  a\tb", "Surrogate-Key", "c"}, domain.Tags{"a", "b", "c"}, 0},
		{[]string{"Surrogate-Key", "brand:9,ü", "Version", "7"}, domain.Tags{"brand:9,ü"}, 7},
		{[]string{"Version", "18446744073709551615"}, nil, math.MaxUint64},
	} {
		p := writable()
		require.Equal(t, 204, p.with(t, "PUT", c.headers...).Code)
		require.Equal(t, []domain.Value{{Body: "v", Tags: c.tags, Version: c.version}}, p.put)
	}
}

func TestTagsAndVersionsThatCannotBeKeptAreRefused(t *testing.T) {
	var many strings.Builder
	for i := range domain.MaxTags + 1 {
		fmt.Fprint(&many, i, " ")
	}
	for tags, detail := range map[string]string{
		strings.Repeat("x", domain.MaxTagBytes+1): "129 bytes, 1 to 128 allowed",
		many.String(): "65 tags, 64 allowed",
		"a b\x01":     `"b\x01"`,
		"\xff":        `"\xff"`,
	} {
		p := writable()
		require.Equal(t, detail, requireProblem(t, p.with(t, "PUT", "Surrogate-Key", tags), 400, "invalid-tags").Detail)
		require.Empty(t, p.put)
	}
	for _, version := range []string{"", "0", "-1", "+1", "1.0", "0x1", "18446744073709551616", "1,2", "v1", "1 "} {
		p := writable()
		requireProblem(t, p.with(t, "PUT", "Version", version), 400, "invalid-version")
		require.Empty(t, p.put, version)
	}
	requireProblem(t, writable().with(t, "PUT", "Version", "1", "Version", "1"), 400, "invalid-version")
}

func TestADeleteAnswers204(t *testing.T) {
	p := writable()
	for _, authorization := range []string{"Bearer s3cret", "bearer s3cret", "BEARER  s3cret", "Bearer    s3cret"} {
		p.asked = nil
		w := p.write(t, "DELETE", "/data/k", authorization, http.NoBody)
		require.Equal(t, 204, w.Code)
		require.Equal(t, []string{"k"}, p.asked)
	}
	requireProblem(t, p.with(t, "DELETE", "Authorization", "Bearer s3cret"), 401, "wrong-token") // it is there twice
}

func TestARequestWithoutTheTokenWritesNothing(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE"} {
		for _, authorization := range []string{
			"", "Bearer", "Bearer ", "Bearer wrong", "Bearer s3cret ", "Bearers3cret", "Bearer\ts3cret", " Bearer s3cret", "Bearer s3cret, Bearer s3cret", "Bearer S3cret", "Basic s3cret", "s3cret", "Bearer s3cre",
		} {
			p := writable()
			w := p.write(t, method, "/data/k", authorization, strings.NewReader("v"))
			requireProblem(t, w, 401, "wrong-token")
			require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
			require.Empty(t, p.asked, authorization)
		}
		for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer s3cret"} {
			p := &parts{}
			got := requireProblem(t, p.write(t, method, "/data/k", authorization, strings.NewReader("v")), 403, "writing-disabled")
			require.Contains(t, got.Detail, "MLCACHE_TOKEN")
			require.Empty(t, p.asked)
		}
	}
}

func TestAValueThatIsTooLargeIs413(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"of known length": strings.NewReader("123456789"), "of unknown length": io.MultiReader(strings.NewReader("123456789")),
	} {
		p := writable()
		requireProblem(t, p.write(t, "PUT", "/data/k", "Bearer s3cret", body), 413, "value-too-large")
		require.Empty(t, p.asked, name)
	}
}

func TestABodyThatBreaksOffIsNotStored(t *testing.T) {
	p := writable()
	body := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
	requireProblem(t, p.write(t, "PUT", "/data/k", "Bearer s3cret", body), 400, "body-broke-off")
	require.Empty(t, p.asked)
}

func TestAWriteThatFailsSaysHow(t *testing.T) {
	for kind, c := range map[string]struct {
		err    error
		status int
	}{
		"not-written-everywhere": {fmt.Errorf("%w: %w", domain.ErrL2Unavailable, domain.ErrTimeout), 503},
		"value-too-large":        {domain.ErrTooLarge, 413},
		"shutting-down":          {domain.ErrClosed, 503},
		"internal":               {errors.New("secret"), 500},
	} {
		for _, method := range []string{"PUT", "DELETE"} {
			p := writable()
			p.err = c.err
			w := p.write(t, method, "/data/k", "Bearer s3cret", strings.NewReader("v"))
			requireProblem(t, w, c.status, kind)
			require.Equal(t, c.status == 503, w.Header().Get("Retry-After") != "")
		}
	}
}

func TestAWriteOfAnInvalidKeyIs400(t *testing.T) {
	p := writable()
	requireProblem(t, p.write(t, "PUT", "/data/a%00b", "Bearer s3cret", strings.NewReader("v")), 400, "invalid-key")
	requireProblem(t, p.write(t, "DELETE", "/data/", "Bearer s3cret", http.NoBody), 400, "invalid-key")
	require.Empty(t, p.asked)
}
