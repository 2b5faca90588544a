// Package embedded is the second layer inside one process, for running without
// Redis: values lie in Badger, in memory or in a data directory that keeps them
// over restarts; leases, failures and wakes lie beside them in plain memory.
// It behaves as the Redis layer does and passes the same contract suite, but
// nothing is shared with other instances, nor meant to be.
//
// It knows nothing of requests, of the source or of L1.
package embedded
