// Package sqltest runs real PostgreSQL and MariaDB servers for tests, which may stop
// and start them as they please, and PgBouncer in front of one. They run as an
// unprivileged user, since they refuse root, keep all in a temporary folder, and end
// with the test. The package knows nothing of the adapter that is tested.
package sqltest
