package sqlsource

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// sessions are connections that only read, that end their statements by themselves
// after a while, and whose times are in UTC.
type sessions struct {
	driver.Connector
	timeout time.Duration
}

// session is one of them. The server knows it as id.
type session struct {
	mysqlConn
	id string
}

// mysqlConn is what database/sql uses of a connection of the driver.
type mysqlConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// Connect connects and sets up the session.
func (s sessions) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &session{mysqlConn: conn.(mysqlConn)}
	if err := c.setUp(ctx, s.timeout); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// setUp sends what each of the servers understands: the comments are code for one
// of them. Statements outside of transactions are transactions that only read, then.
func (c *session) setUp(ctx context.Context, timeout time.Duration) error {
	for _, text := range []string{
		"SET SESSION TRANSACTION READ ONLY",
		fmt.Sprintf("SET time_zone = '+00:00' /*!50708 , max_execution_time = %d */ /*M!100101 , max_statement_time = %.3f */",
			timeout.Milliseconds(), timeout.Seconds()),
	} {
		if _, err := c.ExecContext(ctx, text, nil); err != nil {
			return err
		}
	}
	rows, err := c.QueryContext(ctx, "SELECT CONCAT(CONNECTION_ID())", nil)
	if err != nil {
		return err
	}
	id := make([]driver.Value, 1)
	if err := rows.Next(id); err != nil {
		return errors.Join(err, rows.Close())
	}
	c.id = fmt.Sprintf("%s", id[0])
	return rows.Close()
}
