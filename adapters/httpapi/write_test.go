package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

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

func TestADeleteAnswers204(t *testing.T) {
	p := writable()
	w := p.write(t, "DELETE", "/data/k", "bearer s3cret", http.NoBody)
	require.Equal(t, 204, w.Code)
	require.Equal(t, []string{"k"}, p.asked)
}

func TestWhoDoesNotHaveTheTokenWritesNothing(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE"} {
		for _, authorization := range []string{
			"", "Bearer", "Bearer ", "Bearer wrong", "Bearer s3cret ", "Bearer S3cret", "Basic s3cret", "s3cret", "Bearer s3cre",
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
