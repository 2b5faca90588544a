package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"sync"
	"time"

	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

var oracleSyntax = syntax{qQuotes: true}

// oracleJSON is how go-ora calls the type JSON, of which it has no name.
const oracleJSON = "TNSType(119)"

type oracleDB struct {
	pool    *sql.DB
	running sync.WaitGroup
}

// openOracle reads oracle://user:password@host:1521/service?parameters, which are
// those of go-ora.
func openOracle(o Options) (database, *sql.DB, syntax, []string, error) {
	u, err := url.Parse(o.DSN)
	if err == nil {
		_, err = goora.ParseConfig(o.DSN)
	}
	if err != nil {
		return nil, nil, syntax{}, nil, fmt.Errorf("%w cannot be parsed, it must be as oracle://user:password@host:1521/service", ErrDSN)
	}
	password, _ := u.User.Password()
	// A server that hangs is not waited for much longer than callers do.
	u.RawQuery = fmt.Sprintf("TIMEOUT=%d&%s", int(math.Ceil((o.Timeout + killTime).Seconds())), u.RawQuery)
	pool := sql.OpenDB(goora.NewConnector(u.String()))
	return &oracleDB{pool: pool}, pool, oracleSyntax, []string{password, url.QueryEscape(password), url.PathEscape(password)}, nil
}

func (d *oracleDB) close() { d.running.Wait() }

func (d *oracleDB) prepare(q query) statement {
	return lists(q, func(i int) string { return fmt.Sprintf(":%d", i) })
}

// query leaves the statement alone when ctx ends: go-ora has the server break it off,
// but waits for its answer to that.
func (d *oracleDB) query(ctx context.Context, text string, args []any, c *collector) error {
	ended := make(chan error, 1)
	d.running.Go(func() { ended <- d.run(ctx, text, args, c) })
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run runs the statement in a transaction that only reads, and ends that in order
// also after ctx.
func (d *oracleDB) run(ctx context.Context, text string, args []any, c *collector) error {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tx, err := conn.BeginTx(own, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SET TRANSACTION READ ONLY"); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	return collect(rows, c, oracleCell)
}

// oracleCell goes by the type of the column, as go-ora calls it. A time without a
// zone is taken for UTC.
func oracleCell(typeName string, v any) cell {
	switch v := v.(type) {
	case string:
		switch typeName {
		case "NUMBER":
			return number([]byte(v))
		case oracleJSON:
			return cell{document, []byte(v)}
		}
	case time.Time:
		switch typeName {
		case "TimeStampTZ", "TimeStampTZ_DTY":
			return instant(v, false)
		case "TimeStampeLTZ", "TimeStampLTZ_DTY":
			return instant(v.UTC(), false)
		}
		return instant(time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), time.UTC), false)
	}
	return plain(v)
}

// Numbers of errors of Oracle.
const (
	oraCanceled    = 1013
	oraDatesFrom   = 1830
	oraDatesTo     = 1899
	oraNetworkFrom = 12150
	oraNetworkTo   = 12699
	oraValueError  = 6502
)

var (
	oraBusy = []int{18, 20, 12516, 12519, 12520}                  // sessions, processes, and three ways of the listener to say so
	oraData = []int{1426, 1476, 1722, oraValueError}              // overflow, division by zero, invalid number, value error
	oraLost = []int{28, 1012, 1033, 1034, 1089, 3113, 3114, 3135} // killed, not logged on, starting, stopping, end of channel
)

func (d *oracleDB) diagnose(err error) diagnosis {
	var of *network.OracleError
	if !errors.As(err, &of) {
		return diagnosis{code: "connection to Oracle lost", lost: true}
	}
	n := of.ErrCode
	return diagnosis{
		code:    fmt.Sprintf("ORA-%05d", n),
		data:    slices.Contains(oraData, n) || n >= oraDatesFrom && n <= oraDatesTo,
		timeout: n == oraCanceled,
		busy:    slices.Contains(oraBusy, n),
		lost:    slices.Contains(oraLost, n) || n >= oraNetworkFrom && n <= oraNetworkTo,
	}
}
