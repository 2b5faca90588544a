package embedded

import (
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Corrupter returns a function that stores raw for a key, for a minute.
func Corrupter(t *testing.T, l *Layer) func(domain.Key, string) {
	return func(k domain.Key, raw string) {
		next := cut(k, append(make([]byte, deadlineBytes), raw...), l.now().Add(time.Minute))
		require.NoError(t, l.db.Update(func(txn *badger.Txn) error { return change(txn, k, next, 0) }))
	}
}

// InUse returns the bytes that the account has booked.
func InUse(l *Layer) int64 {
	l.account.mu.Lock()
	defer l.account.mu.Unlock()
	return l.account.total
}

// Remembered returns how many leases and failures are kept.
func Remembered(l *Layer) (held, failed int) {
	l.leases.mu.Lock()
	defer l.leases.mu.Unlock()
	return len(l.leases.held), len(l.leases.failed)
}
