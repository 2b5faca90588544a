package sqltest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Password is in the DSNs of all servers. It is never asked for.
const Password = "s3cret"

const pgPrograms = "/usr/lib/postgresql/*/bin"

// Postgres is a PostgreSQL server, with pg_stat_statements.
type Postgres struct{ *Server }

// StartPostgres starts a server with nothing in it. Where there is no PostgreSQL
// the test is skipped, see need.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	const debian = "postgresql"
	initdb, postgres := need(t, "initdb", debian, pgPrograms), need(t, "postgres", debian, pgPrograms)
	s := newServer(t)
	data := filepath.Join(s.dir, "data")
	s.run(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	s.args = []string{
		postgres, "-D", data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "shared_buffers=16MB",
		"-c", "shared_preload_libraries=pg_stat_statements", "-c", "max_connections=50",
	}
	p := &Postgres{s}
	s.driver, s.admin = "pgx", p.DSN()
	s.begin()
	s.Exec("CREATE EXTENSION pg_stat_statements")
	return p
}

// DSN returns the address of the server as a URL.
func (p *Postgres) DSN() string {
	return fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable", Password, p.addr())
}
