package sqltest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver
)

// MariaDB is a MariaDB server, with a user for all rights.
type MariaDB struct{ *Server }

const mariaUser = "mlcache"

// StartMariaDB starts a server with an empty database, and with settings such as
// innodb-flush-log-at-trx-commit=2, with which a crash of the server loses nothing. See
// StartPostgres about a machine without it.
func StartMariaDB(t testing.TB, settings ...string) *MariaDB {
	t.Helper()
	const debian = "mariadb-server"
	install, mariadbd := need(t, "mariadb-install-db", debian, "/usr/bin"), need(t, "mariadbd", debian, "/usr/sbin")
	s := newServer(t)
	data := filepath.Join(s.dir, "data")
	s.run(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db",
		"--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=4M")
	s.args = []string{
		mariadbd, "--no-defaults", "--datadir=" + data, "--port=" + strconv.Itoa(s.port), "--bind-address=127.0.0.1",
		"--socket=" + filepath.Join(s.dir, "s"), "--pid-file=" + filepath.Join(s.dir, "pid"), "--skip-name-resolve",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M",
		"--character-set-server=utf8mb4",
	}
	for _, setting := range settings {
		s.args = append(s.args, "--"+setting)
	}
	s.driver, s.admin = "mysql", fmt.Sprintf("root@tcp(%s)/", s.addr())
	s.begin()
	s.Exec("CREATE DATABASE shop", fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'", mariaUser, Password),
		"GRANT ALL ON shop.* TO "+mariaUser)
	s.admin += "shop"
	return &MariaDB{s}
}

// DSN returns the address of the server as a URL.
func (m *MariaDB) DSN() string {
	return fmt.Sprintf("mariadb://%s:%s@%s/shop", mariaUser, Password, m.addr())
}
