package app

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestNotesAreBoundedAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, boom := newCooldown(), errors.New("panic: a long stack")
		key := func(i int) domain.Key {
			key, err := domain.ParseKey(strconv.Itoa(i))
			require.NoError(t, err)
			return key
		}
		for i := range 2 * cooldownNotes {
			c.note(key(i), boom, time.Second)
		}
		require.Len(t, c.notes, cooldownNotes)
		remaining, failure := c.of(key(0))
		require.Equal(t, time.Second, remaining)
		require.Equal(t, domain.ErrSourceFailed, failure, "the kind, and nothing of what the source said")
		c.note(key(0), domain.ErrWithdrawn, time.Minute) // a known key has its note
		time.Sleep(time.Second)
		require.False(t, c.has(key(1)))
		c.note(key(1), boom, time.Second)
		require.Len(t, c.notes, 2, "what is over makes way")
		_, failure = c.of(key(0))
		require.Equal(t, domain.ErrWithdrawn, failure)
		c.note(key(2), boom, 0)
		require.False(t, c.has(key(2)))
		c.forget(key(0))
		require.False(t, c.has(key(0)))
	})
}
