package httpsource

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestTagsComeFromBothHeaders(t *testing.T) {
	for header, want := range map[string]domain.Tags{
		"X: y":                               nil,
		"Surrogate-Key:":                     nil,
		"Cache-Tag: ,":                       nil,
		"Surrogate-Key: b a\tb  c":           {"a", "b", "c"},
		"Surrogate-Key: a\nSurrogate-Key: b": {"a", "b"},
		"Surrogate-Key: a,b":                 {"a,b"},
		"Cache-Tag: b, a ,,b":                {"a", "b"},
		"Cache-Tag: a\nCache-Tag: b":         {"a", "b"},
		`Cache-Tag: a"b,c"d`:                 {`a"b`, `c"d`},
		"Cache-Tag: a,b\nSurrogate-Key: b c": {"a", "b", "c"},
	} {
		got, err := tagsOf(headerOf(header))
		require.NoError(t, err, header)
		require.Equal(t, want, got, header)
	}
}

// manyTags are as many different ones.
func manyTags(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprint(&b, i, " ")
	}
	return b.String()
}

func TestAValueWithTagsThatCannotAllBeKeptHasNone(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNotModified} {
		for header, refused := range map[string]bool{
			"Surrogate-Key: " + manyTags(domain.MaxTags):                        false,
			"Surrogate-Key: " + manyTags(domain.MaxTags+1):                      true,
			"Surrogate-Key: a " + strings.Repeat("x", domain.MaxTagBytes+1):     true,
			"Surrogate-Key: a \xff":                                             true,
			"Cache-Tag: a, b c":                                                 true,
			"Surrogate-Key: " + manyTags(domain.MaxTags) + "\nCache-Tag: other": true,
		} {
			srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
				for name, values := range headerOf(header) {
					w.Header()[name] = values
				}
				w.WriteHeader(status)
			})
			told := 0
			s := newSource(t, srv.URL+"/{key}", func(o *Options) {
				o.TagsRefused = func(k domain.Key, reason error) {
					told++
					require.Equal(t, "k", k.String())
					require.ErrorIs(t, reason, domain.ErrInvalidTag)
				}
			})
			v, _ := s.Load(t.Context(), key(t, "k"), domain.Validator{ETag: tag})
			require.Equal(t, refused, v.TagsUnknown, header)
			require.Equal(t, refused, len(v.Tags) == 0, header)
			require.Equal(t, refused, told == 1, header)
		}
	}
}
