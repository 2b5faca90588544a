package sqlsource

import (
	"database/sql"
	"strings"
	"time"
)

// Pool is a pool of connections to a database for what is not a source: its statements
// may write.
type Pool struct {
	*sql.DB
	kind string
	db   database
	log  failureLog // knows the secrets
}

// OpenPool returns a pool for the database that the DSN names, as Options.DSN has it.
// It connects to nothing yet. A server or file that is busy may be waited for up to
// timeout; each statement needs a context that ends.
func OpenPool(dsn string, timeout time.Duration) (*Pool, error) {
	o := Options{DSN: dsn, Timeout: timeout, MaxBytes: 1 << 20, MaxConns: 1, writes: true}
	if err := o.validate(); err != nil {
		return nil, err
	}
	db, pool, _, secrets, err := open(o)
	if err != nil {
		return nil, err
	}
	return &Pool{DB: pool, kind: kindOf(dsn), db: db, log: failureLog{secrets: secrets}}, nil
}

// Kind returns postgres, mysql (also for MariaDB), oracle or sqlite.
func (p *Pool) Kind() string { return p.kind }

// Redacted returns text without the secrets of the DSN.
func (p *Pool) Redacted(text string) string { return p.log.redacted(text) }

// Close closes the connections, after the statements that run on them.
func (p *Pool) Close() error {
	err := p.DB.Close()
	p.db.close()
	return err
}

func kindOf(dsn string) string {
	scheme, _, _ := strings.Cut(strings.ToLower(dsn), ":")
	switch scheme {
	case "postgresql":
		return "postgres"
	case "mariadb":
		return "mysql"
	}
	return scheme
}
