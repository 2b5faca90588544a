package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestKeysAreAnyTextWithoutControlCharactersUpTo512Bytes(t *testing.T) {
	for _, s := range []string{"a", "a/b", " ", "}", "{}", "😀", "é", "..", strings.Repeat("k", 512), "\u200b", "%2F"} {
		key, err := domain.ParseKey(s)
		require.NoError(t, err, "%q", s)
		require.Equal(t, s, key.String())
	}
	for _, s := range []string{"", "\x00", "a\nb", "\x7f", "\u0085", "\xff", "a\xc3", strings.Repeat("k", 513), strings.Repeat("é", 257)} {
		_, err := domain.ParseKey(s)
		require.ErrorIs(t, err, domain.ErrInvalidKey, "%q", s)
	}
}

func TestTheEntityTagIsStrongQuotedAndFollowsTheValue(t *testing.T) {
	tag := func(body, contentType string) string {
		return domain.NewEntry(domain.Value{Body: body, ContentType: contentType}, time.Second, 0).ETag()
	}
	require.Regexp(t, `^"[A-Za-z0-9_-]{22}"$`, tag("a", "b"))
	require.Equal(t, tag("a", "b"), tag("a", "b"))
	require.NotEqual(t, tag("a", "b"), tag("b", "b"))
	require.NotEqual(t, tag("a", "b"), tag("a", "c"))
	require.NotEqual(t, tag("a", "b\x00"), tag("\x00a", "b"))
	require.Empty(t, domain.NewMissing(time.Second, 0).ETag())
}

func TestEntriesKeepWholeMillisecondsAndNoNegativeTTLs(t *testing.T) {
	e := domain.NewEntry(domain.Value{}, 1500*time.Microsecond, -time.Second)
	require.Equal(t, time.Millisecond, e.TTL())
	require.Zero(t, e.LoadTime())
}

func TestACopyIsFreshUntilNothingIsLeft(t *testing.T) {
	e := domain.NewEntry(domain.Value{}, 30*time.Second, 0)
	require.True(t, domain.Copy{Entry: e, Remaining: 1}.Fresh())
	require.False(t, domain.Copy{Entry: e, Remaining: 0}.Fresh())
	require.False(t, domain.Copy{Entry: e, Remaining: -1}.Fresh())
	require.False(t, domain.Copy{Remaining: time.Second}.Fresh(), "there is no entry")
}

func TestACopyIsUsableStaleFromItsEndToTheEndOfTheWindow(t *testing.T) {
	e := domain.NewEntry(domain.Value{}, 30*time.Second, 0)
	for left, want := range map[time.Duration]bool{1: false, 0: true, -4: true, -5: false} {
		require.Equal(t, want, domain.Copy{Entry: e, Remaining: left}.UsableStale(5), left)
	}
	require.False(t, domain.Copy{Remaining: -1}.UsableStale(5))
	require.False(t, domain.Copy{Entry: e}.UsableStale(0))
}

func TestTheAgeIsWhatTheRemainingTTLTells(t *testing.T) {
	e := domain.NewEntry(domain.Value{}, 30*time.Second, 0)
	require.Equal(t, 8*time.Second, domain.Copy{Entry: e, Remaining: 22 * time.Second}.Age())
	require.Equal(t, 35*time.Second, domain.Copy{Entry: e, Remaining: -5 * time.Second}.Age())
	require.Zero(t, domain.Copy{Entry: e, Remaining: time.Minute}.Age())
	require.Equal(t, 9*time.Second, domain.Copy{Entry: e, Remaining: 22 * time.Second}.After(time.Second).Age())
}

func TestJitterOnlyShortens(t *testing.T) {
	require.Equal(t, 10*time.Second, domain.Jittered(10*time.Second, 0, 0.99))
	require.Equal(t, 10*time.Second, domain.Jittered(10*time.Second, 0.2, 0))
	require.Equal(t, 9*time.Second, domain.Jittered(10*time.Second, 0.2, 0.5))
}

func TestARefreshIsDueTheSoonerTheLongerALoadTakesAndTheShorterTheRemainingTTL(t *testing.T) {
	e := domain.NewEntry(domain.Value{}, 30*time.Second, 2*time.Second)
	due := func(left time.Duration, beta, draw float64) bool {
		return domain.Copy{Entry: e, Remaining: left}.RefreshDue(beta, draw)
	}
	require.True(t, due(time.Second, 1, 1), "two seconds are more than one")
	require.False(t, due(3*time.Second, 1, 1))
	require.True(t, due(3*time.Second, 2, 1))
	require.True(t, due(3*time.Second, 1, 2))
	require.False(t, due(2*time.Second, 1, 1), "just as long is not longer")
	require.False(t, due(time.Nanosecond, 0, 100), "a beta of 0 is never")
	require.True(t, due(-time.Second, 1, 0.1), "what is over is due")
	require.False(t, domain.Copy{Remaining: time.Second}.RefreshDue(1, 100), "there is no entry")
	quick := domain.Copy{Entry: domain.NewEntry(domain.Value{}, 30*time.Second, 0), Remaining: time.Nanosecond}
	require.False(t, quick.RefreshDue(1, 100))
}
