package sqltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// StartPgBouncer starts PgBouncer in front of p, which gives a connection of the
// server to a client for one transaction at a time. See StartPostgres about a machine
// without it.
func StartPgBouncer(t testing.TB, p *Postgres) *Postgres {
	t.Helper()
	program := need(t, "pgbouncer", "pgbouncer", "/usr/sbin")
	s := newServer(t)
	file := filepath.Join(s.dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join([]string{
		"[databases]", fmt.Sprintf("postgres = host=127.0.0.1 port=%d user=postgres", p.port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", s.port), "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", "default_pool_size = 1",
	}, "\n")), 0o644))
	s.args = []string{program, file}
	bouncer := &Postgres{s}
	s.driver, s.admin = pgDriver, bouncer.DSN()+"&default_query_exec_mode=simple_protocol"
	s.begin()
	return bouncer
}
