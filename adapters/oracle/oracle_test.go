package oracle_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/oracle"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func key(t *testing.T, name string) domain.Key {
	t.Helper()
	k, err := domain.ParseKey(name)
	require.NoError(t, err)
	return k
}

func source(t *testing.T, delay time.Duration) *oracle.Source {
	t.Helper()
	s, err := oracle.New(delay)
	require.NoError(t, err)
	return s
}

func TestANegativeDelayIsRefused(t *testing.T) {
	_, err := oracle.New(-time.Nanosecond)
	require.ErrorContains(t, err, "delay")
}

func TestTheAnswerComesAfterTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		v, err := source(t, 2*time.Second).Load(t.Context(), key(t, "test"), domain.Validator{})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(began))
		assert.Equal(t, domain.Value{
			Body:        `{"key":"test","value":"Data for test from Oracle"}`,
			ContentType: "application/json",
		}, v)
	})
}

func TestACancelledLoadEndsAtOnceWithTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("nobody waits any more")
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		time.AfterFunc(time.Second, func() { cancel(cause) })
		v, err := source(t, time.Hour).Load(ctx, key(t, "test"), domain.Validator{})
		require.ErrorIs(t, err, cause)
		assert.Equal(t, time.Second, time.Since(began))
		assert.Zero(t, v)
	})
}

func TestADeadlineEndsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := source(t, time.Hour).Load(ctx, key(t, "test"), domain.Validator{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestADeadContextWinsOverAnAnswerWithoutDelay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		_, err := source(t, 0).Load(ctx, key(t, "test"), domain.Validator{})
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestEveryKeySurvivesTheJSON(t *testing.T) {
	for _, name := range []string{
		`"quoted"`, `back\slash`, "<script>&amp;", "🦊", "line\u2028separator", "ü/ö?x=1#y", "}{", " ", "\ufffd",
	} {
		v, err := source(t, 0).Load(t.Context(), key(t, name), domain.Validator{})
		require.NoError(t, err)
		var got struct{ Key, Value string }
		require.NoError(t, json.Unmarshal([]byte(v.Body), &got), name)
		assert.Equal(t, name, got.Key)
		assert.Equal(t, "Data for "+name+" from Oracle", got.Value)
	}
}

func TestTheJSONIsNotEscapedForHTML(t *testing.T) {
	v, err := source(t, 0).Load(t.Context(), key(t, "<&>"), domain.Validator{})
	require.NoError(t, err)
	assert.Equal(t, `{"key":"<&>","value":"Data for <&> from Oracle"}`, v.Body)
}
