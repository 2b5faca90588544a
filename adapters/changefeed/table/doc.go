// Package table follows the changes that triggers write into a table of any database:
// it reads the rows, has them applied, and deletes exactly those that it has read.
//
// No row is passed over by position, so it makes no difference in which order rows are
// committed: one whose transaction began early and ends late is read when it is
// visible, whatever its number. What was not deleted is read again, so the feed
// continues where apply ended, and the table stays small.
//
// The change table has the columns
//
//   - seq: a number of which no two rows ever have the same; in MariaDB and MySQL the
//     primary key
//   - changed_at: the time, by the database's clock
//   - version, optional: that of the changed row
//   - those that the template of the key names, as text or whole numbers
//
// A row in which all columns of the template are NULL says that any key may have
// changed, as a TRUNCATE does. The SQL for it is in docs/changes.md.
//
// It was not run against an Oracle database yet.
package table
