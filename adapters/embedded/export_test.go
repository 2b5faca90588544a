package embedded

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Corrupter returns a function that stores raw for a key, for a minute.
func Corrupter(t *testing.T, l *Layer) func(domain.Key, string) {
	return func(k domain.Key, raw string) {
		now := l.now()
		require.NoError(t, l.store.put(t.Context(), k.String(), []byte(raw), now.Add(time.Minute).UnixMilli(), now.UnixMilli()))
	}
}

// InUse returns the bytes that a layer in memory counts.
func InUse(l *Layer) int64 {
	m := l.store.(*memory)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Remembered returns how many leases and failures are kept.
func Remembered(l *Layer) (held, failed int) {
	l.leases.mu.Lock()
	defer l.leases.mu.Unlock()
	return len(l.leases.held), len(l.leases.failed)
}
