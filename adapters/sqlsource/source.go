package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.BatchSource = (*Source)(nil)

// Source loads values by a query. Close it when it is no longer used.
type Source struct {
	opts     Options
	list     bool // the query is for :keys
	prepared statement
	db       database
	pool     *sql.DB
	log      failureLog
}

// ErrDSN is in the errors of New that are about the DSN. They show nothing of it.
var ErrDSN = errors.New("sqlsource: DSN")

// New returns a source for the database and the query that opts describe. It
// connects to nothing yet.
func New(opts Options) (*Source, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	db, pool, syntax, secrets, err := open(opts)
	if err != nil {
		return nil, err
	}
	q, err := parseQuery(opts.Query, syntax)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	pool.SetMaxOpenConns(opts.MaxConns)
	pool.SetMaxIdleConns(opts.MaxIdle)
	pool.SetConnMaxIdleTime(opts.IdleTime)
	pool.SetConnMaxLifetime(opts.Lifetime)
	return &Source{
		opts: opts, list: q.list, prepared: db.prepare(q), db: db, pool: pool,
		log: failureLog{log: opts.Logger, secrets: secrets},
	}, nil
}

// Close closes the connections, after the statements that run on them.
func (s *Source) Close() error {
	err := s.pool.Close()
	s.db.close()
	return err
}

// Batch returns one key for a query with :key, else what Options say.
func (s *Source) Batch() (keys int, wait time.Duration) {
	if !s.list {
		return 1, 0
	}
	return s.opts.Batch, s.opts.BatchWait
}

// Load asks for the value of key. Beside what ports.Source says, a failure wraps
// domain.ErrTimeout when the time was up, the cause of ctx when that was cancelled,
// domain.ErrSourceTooLarge for a value beyond Options.MaxBytes, and else
// domain.ErrSourceFailed. More than one row for the key is a failure.
func (s *Source) Load(ctx context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	loaded := s.LoadMany(ctx, []domain.Key{key})[0]
	return loaded.Value, loaded.Err
}

// LoadMany asks for the values of keys, by one statement for as many of them as
// Batch says. When a statement fails because of a key or a row, its halves are asked
// for, until only what is to blame has failed. Options.Timeout is for all of it.
func (s *Source) LoadMany(ctx context.Context, keys []domain.Key) []ports.Loaded {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	l := &loading{Source: s}
	results := make([]ports.Loaded, 0, len(keys))
	size, _ := s.Batch()
	for len(keys) > 0 {
		n := min(size, len(keys))
		results = append(results, l.loadAll(ctx, keys[:n])...)
		keys = keys[n:]
	}
	return results
}

// loading is one call of LoadMany.
type loading struct {
	*Source
	asked bool // a statement
}

// loadAll loads keys by one statement, or several if that fails because of a key.
func (s *loading) loadAll(ctx context.Context, keys []domain.Key) []ports.Loaded {
	results, err := s.ask(ctx, keys)
	if err == nil {
		return results
	}
	why := s.db.diagnose(err)
	if len(keys) > 1 && ctx.Err() == nil && (why.data || why.missing || why.large) {
		half := len(keys) / 2
		return append(s.loadAll(ctx, keys[:half]), s.loadAll(ctx, keys[half:])...)
	}
	err = s.translate(ctx, err, why)
	results = make([]ports.Loaded, len(keys))
	for i := range results {
		results[i].Err = err
	}
	return results
}

func (s *loading) ask(ctx context.Context, keys []domain.Key) ([]ports.Loaded, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if s.asked && s.opts.Repeated != nil {
		s.opts.Repeated()
	}
	s.asked = true
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.String()
	}
	text, args := s.prepared(names)
	c := newCollector(ctx, keys, s.list, s.opts.MaxBytes)
	if err := s.db.query(ctx, text, args, c); err != nil {
		return nil, err
	}
	return c.results, nil
}

// dropIdle closes the connections that are not in use: where one broke, the server
// has gone, and each of the others would cost a load of its own.
func (s *Source) dropIdle() {
	s.pool.SetMaxIdleConns(-1)
	s.pool.SetMaxIdleConns(s.opts.MaxIdle)
}
