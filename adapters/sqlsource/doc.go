// Package sqlsource makes a source of a database: the value of a key is what a query
// selects for it, from PostgreSQL, MySQL, MariaDB, Oracle or SQLite.
//
// # Query
//
// The key is a parameter where the query has :key, and many keys are where it has
// :keys, outside of literals, quoted names and comments, and once in all:
//
//	SELECT name, price FROM products WHERE id = :key
//	SELECT id AS _key, name, price FROM products WHERE id = ANY(:keys)
//
// On PostgreSQL, ANY(:keys) is one array, and IN (:keys) a list, as both are
// elsewhere. Keys are texts: what the database compares them with decides how they
// are read. With :keys, the column _key says of which key a row is; it has to be the
// key itself, byte by byte, in the database's own form, so 07 is no key of the number
// 7. With :key it is checked if it is there. A key without a row is
// domain.ErrNotFound, and so is one that PostgreSQL cannot convert to the type that
// it is compared with; a key with several rows fails.
//
// # Values
//
// One column is the value itself: text/plain, application/octet-stream for bytes,
// and application/json for all else. Several columns are a JSON object in their
// order: numbers with all their digits, times as RFC 3339 has them (those without a
// zone are taken for UTC), bytes in Base64, JSON as it is, arrays of PostgreSQL as
// arrays, NULL as null, and what JSON has no form for (NaN, infinity, intervals) as
// the database's text. Where the database does not say that a column is JSON
// (MariaDB, expressions of SQLite), a name that ends in :json says so, and is written
// without that.
//
// Special columns say what holds for the value, and are no part of it. NULL says
// nothing.
//
//   - _ttl: seconds, also with a fraction, or a duration like 1m30s; 0 and less is
//     not fresh at all
//   - _tags: an array (of PostgreSQL or JSON), or a list with commas
//   - _version: a number from 0 to 2⁶⁴-1
//   - _content_type: a media type
//
// Oracle writes names in capitals unless they are quoted, and needs quotes around a
// name that begins with an underscore: id AS "_key".
//
// # Statements
//
// All is read only: a transaction of PostgreSQL and Oracle, a session of MySQL and
// MariaDB, a file of SQLite that is open for reading.
//
// The server ends a statement shortly before Options.Timeout: PostgreSQL by
// statement_timeout for the transaction, with what is left then; MySQL by
// max_execution_time and MariaDB by max_statement_time for the session. When ctx ends
// earlier, PostgreSQL gets a CancelRequest and MySQL a KILL of the connection,
// which both lose; Oracle gets a break, also at Options.Timeout; SQLite runs in this
// process and is interrupted.
//
// No prepared statement outlives its transaction, so PgBouncer may pool by transaction.
// Statements with lists have few lengths: keys are repeated to fill them.
//
// The package knows nothing of caching. It was not run against an Oracle database yet,
// see TestOracle.
package sqlsource
