package domain_test

import (
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"", "k", "a/b", "}", "\x00", "\xff", "😀", "\u0085", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := domain.ParseKey(s)
		legal := s != "" && len(s) <= domain.MaxKeyBytes && utf8.ValidString(s)
		for _, r := range s {
			legal = legal && !unicode.IsControl(r)
		}
		require.Equal(t, legal, err == nil)
		if err != nil {
			require.ErrorIs(t, err, domain.ErrInvalidKey)
			return
		}
		require.Equal(t, s, key.String())
	})
}

func TestAKeyIsTextInLogsAndInJSON(t *testing.T) {
	key, err := domain.ParseKey(`a "b"<é>`)
	require.NoError(t, err)
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", key)
	require.Contains(t, out.String(), `"key":"a \"b\"<é>"`)
	out.Reset()
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", key)
	require.Contains(t, out.String(), `key="a \"b\"<é>"`)
}
