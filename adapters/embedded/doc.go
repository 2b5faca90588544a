// Package embedded is the second layer inside one process, for running without
// Redis: values lie in this process's memory, or in a SQLite file of a data
// directory, which keeps them over restarts. Leases, failures and wakes lie beside
// them in plain memory. It passes the same contract suite as the Redis layer, but
// nothing is shared with other instances, nor meant to be.
//
// It knows nothing of requests, of the source or of L1.
package embedded
