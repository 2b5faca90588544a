// Package postgres follows the changes of tables of PostgreSQL by logical replication
// (the plug-in pgoutput). The server has to run with wal_level=logical, and the role
// needs REPLICATION.
//
// Where the feed continues is kept by a replication slot. A temporary one, the default,
// ends with its connection, so each Follow begins with a change of all. A permanent one,
// which has a name, continues; the server retains its WAL from what was acknowledged
// last on, also while no instance follows (see Retained and max_slot_wal_keep_size).
//
// Three goroutines follow a stream. One receives and gathers, and never waits for apply:
// what is committed while apply runs becomes one change, which names a bounded number of
// keys. The second is Follow itself, which calls apply once statements see what was
// committed: the stream has it before that. The third replies to the server,
// and reads on a connection of its own each second where the WAL ends. Once the stream
// has passed that position, all that was committed before was received: so Behind of an
// idle feed needs no clock but this process's.
//
// A version is the LSN at which the commit ends, so whatever has not seen the commit
// has a smaller one.
package postgres
