package sqltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/stretchr/testify/require"
)

// Password is in the DSNs of all servers. It is never asked for.
const Password = "s3cret"

const (
	pgPrograms = "/usr/lib/postgresql/*/bin"
	pgDriver   = "pgx"
)

// Postgres is a PostgreSQL server, with pg_stat_statements.
type Postgres struct{ *Server }

// StartPostgres starts a server with nothing in it, and with settings such as
// log_statement=all. Where there is no PostgreSQL the test is skipped, see need.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	const debian = "postgresql"
	initdb, postgres := need(t, "initdb", debian, pgPrograms), need(t, "postgres", debian, pgPrograms)
	s := newServer(t)
	data := filepath.Join(s.dir, "data")
	s.run(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	s.args = postgresArgs(postgres, data, s.port, settings)
	p := &Postgres{s}
	s.driver, s.admin = pgDriver, p.DSN()
	s.begin()
	s.Exec("CREATE EXTENSION pg_stat_statements")
	return p
}

func postgresArgs(program, data string, port int, settings []string) []string {
	settings = append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "autovacuum=off", "fsync=off", "full_page_writes=off", "synchronous_commit=off",
		"shared_buffers=16MB", "shared_preload_libraries=pg_stat_statements", "max_connections=50",
		"max_replication_slots=100", "max_wal_senders=100", // one that nobody uses any more is dropped a little later
	}, settings...)
	args := make([]string, 0, 5+2*len(settings))
	args = append(args, program, "-D", data, "-p", strconv.Itoa(port))
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// StartReplica starts a hot standby of p, with settings such as
// recovery_min_apply_delay=2s. It has what p has by now.
func (p *Postgres) StartReplica(settings ...string) *Postgres {
	p.t.Helper()
	s := newServer(p.t)
	data := filepath.Join(s.dir, "data")
	s.run(need(p.t, "pg_basebackup", "postgresql", pgPrograms), "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres",
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	s.args = postgresArgs(p.args[0], data, s.port, settings)
	replica := &Postgres{s}
	s.driver, s.admin = pgDriver, replica.DSN()
	s.begin()
	return replica
}

// DSN returns the address of the server as a URL.
func (p *Postgres) DSN() string {
	return fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable", Password, p.addr())
}

// ExecIn runs a script in another database of the server.
func (p *Postgres) ExecIn(database, script string) {
	p.t.Helper()
	config, err := pgx.ParseConfig(p.admin)
	require.NoError(p.t, err)
	config.Database = database
	conn, err := pgx.ConnectConfig(p.t.Context(), config)
	require.NoError(p.t, err)
	defer func() { _ = conn.Close(p.t.Context()) }()
	_, err = conn.Exec(p.t.Context(), script)
	require.NoError(p.t, err)
}

// LogStatements is the setting with which Logged counts.
const LogStatements = "log_statement=all"

// Logged returns how many statements with part in them the server has executed, as
// its log has them, whichever way they ended. Statements have to be of one line.
func (p *Postgres) Logged(part string) (n int) {
	p.t.Helper()
	log, err := os.ReadFile(filepath.Join(p.dir, logFile))
	require.NoError(p.t, err)
	for line := range strings.SplitSeq(string(log), "\n") {
		if strings.Contains(line, " LOG:  execute ") && strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// Lock holds a lock on a table until release is called, or the test ends. Every
// statement that reads the table waits for it.
func (p *Postgres) Lock(table string) (release func()) {
	p.t.Helper()
	tx, err := p.Open().BeginTx(p.t.Context(), nil)
	require.NoError(p.t, err)
	release = sync.OnceFunc(func() { _ = tx.Rollback() })
	p.t.Cleanup(release)
	_, err = tx.ExecContext(p.t.Context(), "LOCK TABLE "+table)
	require.NoError(p.t, err)
	return release
}

// Waiting returns a function that reports how many statements with part in them wait
// for a lock.
func (p *Postgres) Waiting(part string) func() int {
	p.t.Helper()
	db := p.Open()
	return func() (n int) {
		p.t.Helper()
		require.NoError(p.t, db.QueryRowContext(p.t.Context(), "SELECT count(*) FROM pg_stat_activity "+
			"WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'", part).Scan(&n))
		return n
	}
}
