package sqlsource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var mysqlSyntax = syntax{backslashes: true, backticks: true, hashes: true}

// killTime is how long it may take to end a statement whose callers have left.
const killTime = 5 * time.Second

// mysqlDB speaks with MySQL and MariaDB. Parameters are written into the statement
// by the driver, so that nothing is prepared on the server.
type mysqlDB struct {
	pool    *sql.DB
	killer  *sql.DB // one connection at a time, to end statements of the others
	killing sync.WaitGroup
}

// openMySQL reads mysql://user:password@host:3306/database?parameters, which are those
// of the driver, and socket=/path for a Unix socket.
func openMySQL(o Options) (database, *sql.DB, syntax, []string, error) {
	config, err := mysqlConfig(o.DSN)
	if err != nil {
		return nil, nil, syntax{}, nil, err
	}
	base, err := mysql.NewConnector(config)
	if err != nil {
		return nil, nil, syntax{}, nil, errMySQL
	}
	killer := sql.OpenDB(base)
	killer.SetMaxOpenConns(1)
	killer.SetMaxIdleConns(-1)
	connector := base
	if !o.writes {
		connector = sessions{base, serverTimeout(o.Timeout)}
	}
	d := &mysqlDB{pool: sql.OpenDB(connector), killer: killer}
	return d, d.pool, mysqlSyntax, []string{config.Passwd, url.QueryEscape(config.Passwd)}, nil
}

var errMySQL = fmt.Errorf("%w cannot be parsed, it must be as mysql://user:password@host:3306/database", ErrDSN)

func mysqlConfig(dsn string) (*mysql.Config, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errMySQL
	}
	params := u.Query()
	socket := params.Get("socket")
	params.Del("socket")
	config, err := mysql.ParseDSN("/?" + params.Encode())
	if err != nil || u.Hostname() == "" && socket == "" {
		return nil, errMySQL
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.DBName = strings.TrimPrefix(u.Path, "/")
	config.Net, config.Addr = "tcp", u.Host
	switch {
	case socket != "":
		config.Net, config.Addr = "unix", socket
	case u.Port() == "":
		config.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	config.InterpolateParams = true
	config.ParseTime = false // its text has all digits
	config.Logger = &mysql.NopLogger{}
	return config, nil
}

func (d *mysqlDB) prepare(q query) statement {
	return lists(q.withoutAny(), func(int) string { return "?" })
}

// query leaves it to the server to end the statement in time (sessions). When ctx
// ends earlier the driver closes the connection, which a server does not notice
// while it is busy: so it is told.
func (d *mysqlDB) query(ctx context.Context, text string, args []any, c *collector) error {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var id string
	if err := conn.Raw(func(driverConn any) error { id = driverConn.(*session).id; return nil }); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, text, args...)
	if err == nil {
		err = collect(rows, c, mysqlCell)
	}
	if err == nil && c.unguarded() {
		err = d.guard(ctx, conn, c)
	}
	if err != nil && ctx.Err() != nil {
		d.killing.Go(func() { d.kill(id) })
	}
	return err
}

// guard takes back a row that was found because a number was compared with a text
// that is none: the server takes 12abc for 12, and warns of it.
func (d *mysqlDB) guard(ctx context.Context, conn *sql.Conn, c *collector) error {
	name := c.keys[0].String()
	if digitsOnly(name) {
		return nil
	}
	rows, err := conn.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var level, message string
		var number int
		if err := rows.Scan(&level, &number, &message); err != nil {
			return err
		}
		if number == warnTruncated && strings.Contains(message, "'"+name[:min(len(name), maxWarned)]) {
			c.results[0] = ports.Loaded{Err: domain.ErrNotFound}
		}
	}
	return rows.Err()
}

func digitsOnly(s string) bool { return strings.Trim(s, "0123456789") == "" }

// kill ends a connection that the driver has closed, so nobody else has it.
func (d *mysqlDB) kill(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	_, _ = d.killer.ExecContext(ctx, "KILL "+id)
}

func (d *mysqlDB) close() {
	d.killing.Wait()
	_ = d.killer.Close()
}

// Numbers of errors of MySQL and MariaDB.
const (
	errInterrupted  = 1317
	errMariaTimeout = 1969
	errMySQLTimeout = 3024
	errConnKilled   = 1927
	errTooManyConns = 1040
	errTooManyOfOne = 1203 // of the user
	warnTruncated   = 1292

	// maxWarned is how much of a value a warning shows at least.
	maxWarned = 32
)

func (d *mysqlDB) diagnose(err error) diagnosis {
	var of *mysql.MySQLError
	var network net.Error
	switch {
	case errors.As(err, &of):
		state := string(of.SQLState[:])
		timeout := of.Number == errInterrupted || of.Number == errMariaTimeout || of.Number == errMySQLTimeout
		return diagnosis{
			code: fmt.Sprintf("error %d, SQLSTATE %s", of.Number, state), data: strings.HasPrefix(state, dataException) && !timeout,
			busy:    of.Number == errTooManyConns || of.Number == errTooManyOfOne,
			timeout: timeout, lost: of.Number == errConnKilled || strings.HasPrefix(state, connectionException),
		}
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, driver.ErrBadConn):
		return diagnosis{code: "connection to MySQL lost", lost: true}
	case errors.As(err, &network):
		return diagnosis{code: "cannot connect to MySQL", lost: true}
	}
	return diagnosis{code: "no answer of MySQL"}
}
