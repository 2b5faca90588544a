package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"
)

var pgSyntax = syntax{dollars: true, nested: true}

// postgresDB speaks with PostgreSQL in its text forms, which are exact, and without
// named prepared statements, which PgBouncer does not have for transactions.
type postgresDB struct{ pool *sql.DB }

func openPostgres(o Options) (database, *sql.DB, syntax, []string, error) {
	config, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		return nil, nil, syntax{}, nil, fmt.Errorf("%w cannot be parsed by pgx", ErrDSN)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["datestyle"], config.RuntimeParams["client_encoding"] = "ISO", "UTF8"
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "mlcache"
	}
	// Binary data comes as hexadecimal digits, and values are not all of a row.
	config.MaxProtocolMessageBodyLen = int(min(4*o.MaxBytes+1<<20, 1<<30))
	pool := stdlib.OpenDB(*config)
	return &postgresDB{pool: pool}, pool, pgSyntax, []string{config.Password}, nil
}

func (d *postgresDB) close() {}

// prepare gives keys as one array, or each as a parameter of an IN list. All are
// texts that the server converts to what the query compares them with.
func (d *postgresDB) prepare(q query) statement {
	placeholder := func(i int) string { return fmt.Sprintf("$%d", i) }
	if !q.list || q.inList() {
		return lists(q, placeholder)
	}
	text := q.text(1, placeholder)
	return func(keys []string) (string, []any) { return text, []any{arrayOf(keys)} }
}

func (d *postgresDB) query(ctx context.Context, text string, args []any, c *collector) error {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driverConn any) error {
		pg := driverConn.(*stdlib.Conn).Conn().PgConn()
		err := runPostgres(ctx, pg, text, args, c)
		if !pg.IsClosed() && pg.TxStatus() != 'I' {
			_, _ = pg.Exec(ctx, "rollback").ReadAll()
		}
		return err
	})
}

// runPostgres sends a transaction in one round trip. The server ends its statement
// in time by itself; when ctx ends earlier, pgx asks it to (CancelRequest), and the
// connection is lost.
func runPostgres(ctx context.Context, pg *pgconn.PgConn, text string, args []any, c *collector) error {
	var batch pgconn.Batch
	batch.ExecParams("begin read only", nil, nil, nil, nil)
	if deadline, ok := ctx.Deadline(); ok {
		left := serverTimeout(time.Until(deadline))
		batch.ExecParams(fmt.Sprintf("set local statement_timeout = %d", left.Milliseconds()), nil, nil, nil, nil)
	}
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg.(string))
	}
	batch.ExecParams(text, values, nil, nil, nil)
	batch.ExecParams("commit", nil, nil, nil, nil)
	results := pg.ExecBatch(ctx, &batch)
	var failed error
	for results.NextResult() {
		if reader := results.ResultReader(); len(reader.FieldDescriptions()) > 0 && failed == nil {
			failed = readPostgres(reader, c)
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	if failed == nil && c.layout == nil {
		return errNoRows
	}
	return failed
}

func readPostgres(reader *pgconn.ResultReader, c *collector) error {
	fields := reader.FieldDescriptions()
	names, converts := make([]string, len(fields)), make([]func([]byte) cell, len(fields))
	for i, f := range fields {
		names[i], converts[i] = f.Name, pgConverter(f.DataTypeOID)
	}
	if err := c.begin(names); err != nil {
		return err
	}
	cells := make([]cell, len(fields))
	for reader.NextRow() {
		for i, v := range reader.Values() {
			cells[i] = cell{}
			if v != nil {
				cells[i] = converts[i](v)
			}
		}
		c.row(cells)
	}
	_, err := reader.Close()
	return err
}

// SQLSTATE classes and codes (appendix A of the manual of PostgreSQL).
const (
	connectionException = "08"
	dataException       = "22"
	queryCanceled       = "57014"
	operatorClass       = "57"
	tooManyConnections  = "53300"
	boundParameter      = "unnamed portal parameter $" // a key is not what the query compares it with
	tooLongForClient    = "row too large"
)

func (d *postgresDB) diagnose(err error) diagnosis {
	var large *pgproto3.ExceededMaxBodyLenErr
	var of *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &large):
		return diagnosis{code: tooLongForClient, large: true}
	case errors.As(err, &of):
		class := of.Code[:min(2, len(of.Code))]
		return diagnosis{
			code: "SQLSTATE " + of.Code, data: class == dataException, timeout: of.Code == queryCanceled,
			missing: class == dataException && strings.HasPrefix(of.Where, boundParameter),
			busy:    of.Code == tooManyConnections,
			lost:    class == connectionException || class == operatorClass && of.Code != queryCanceled,
		}
	case errors.As(err, &connect):
		return diagnosis{code: "cannot connect to PostgreSQL", lost: true}
	}
	return diagnosis{code: "connection to PostgreSQL lost", lost: true}
}
