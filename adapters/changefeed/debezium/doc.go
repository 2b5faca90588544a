// Package debezium reads change events of Debezium as JSON, with or without the
// envelope of the schema: one event, an array of them, or one a line. It says which
// keys of which route they change, and does nothing else.
//
// An event of PostgreSQL has the LSN of its row as the version. That is before the end
// of its commit, which package postgres has, so as a floor it is the weaker of the
// two. Events of other databases have no version: their positions begin again with
// each file, and their times are of clocks.
package debezium
