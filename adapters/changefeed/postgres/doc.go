// Package postgres follows the changes of tables of PostgreSQL by logical replication
// (the plug-in pgoutput). The server has to run with wal_level=logical, and the role
// needs REPLICATION.
//
// Where the feed continues is kept by a replication slot. A temporary one, the default,
// ends with its connection, so each Follow begins with a change of all. A permanent one,
// which has a name, continues; the server retains its WAL from what was acknowledged
// last on, also while nobody follows (see Retained and max_slot_wal_keep_size).
//
// Three goroutines follow a stream. One receives and gathers: it never waits for apply,
// so that it can tell the server in time that it lives. What is committed while apply
// runs becomes one change, which names a bounded number of keys. The second is Follow
// itself, which calls apply. The third asks on a connection of its own each second how
// far the WAL is: what the stream has passed by then was received completely, which is
// the only clock that Behind of an idle feed goes by.
//
// A version is the LSN at which the commit ends, so whatever has not seen the commit
// has a smaller one.
package postgres
