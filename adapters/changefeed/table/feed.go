package table

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.ChangeFeed = (*Feed)(nil)

// Options say which table to poll. Those without a default are required.
type Options struct {
	// DB is the database that has the table, not a replica of it. It stays open.
	DB *sql.DB
	// Kind is which database that is: postgres, mysql, oracle or sqlite. MariaDB is
	// mysql.
	Kind string
	// Table is the name of the change table, which belongs to this feed alone.
	Table string
	// Key is the template of the keys, of columns of that table.
	Key string
	// Interval is how long to wait after a poll that found few rows or none. 0: 250 ms.
	Interval time.Duration
	// MaxKeys is how many rows are named at a time; where more wait, the change has
	// All. 0: changefeed.DefaultMaxKeys.
	MaxKeys int
	// Timeout ends a statement. 0: 10 s.
	Timeout time.Duration
	// Redacted removes secrets from the text of an error. Nil: there are none.
	Redacted func(string) string
}

// Feed follows a change table.
type Feed struct {
	opts     Options
	template changefeed.Template
	dialect  dialect
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)

// New returns a feed of the table that opts name. It asks the database nothing yet.
func New(opts Options) (*Feed, error) {
	opts.Interval = cmp.Or(opts.Interval, 250*time.Millisecond)
	opts.MaxKeys = cmp.Or(opts.MaxKeys, changefeed.DefaultMaxKeys)
	opts.Timeout = cmp.Or(opts.Timeout, 10*time.Second)
	if opts.Redacted == nil {
		opts.Redacted = func(s string) string { return s }
	}
	template, err := changefeed.ParseTemplate(opts.Key)
	d, known := dialects(opts.Kind)
	switch {
	case err != nil:
		return nil, fmt.Errorf("change table: %w", err)
	case opts.DB == nil:
		return nil, errors.New("change table: DB is missing")
	case !known:
		return nil, fmt.Errorf("change table: Kind is %q, must be postgres, mysql, oracle or sqlite", opts.Kind)
	case !tableName.MatchString(opts.Table):
		return nil, fmt.Errorf("change table: Table is %q, must be as name or schema.name, of letters, digits and _", opts.Table)
	case opts.Interval < 0 || opts.MaxKeys < 0 || opts.Timeout < 0:
		return nil, errors.New("change table: Interval, MaxKeys and Timeout must not be negative")
	}
	return &Feed{opts: opts, template: template, dialect: d}, nil
}

// heartbeat is how often an idle feed calls apply.
const heartbeat = time.Second

// Follow is as ports.ChangeFeed has it. It always continues, since what was not
// applied is still in the table. It waits for no statement longer than Options.Timeout.
func (f *Feed) Follow(ctx context.Context, apply func(context.Context, ports.Change) error) error {
	for applied := (time.Time{}); ; {
		began := time.Now()
		rows, err := f.read(ctx)
		if err != nil {
			return f.described(ctx, err)
		}
		changes := f.changes(rows, began)
		if len(rows) == 0 && time.Since(applied) >= heartbeat {
			changes = []ports.Change{{Behind: time.Since(began)}}
		}
		for _, c := range changes {
			if err := apply(ctx, c); err != nil {
				return err
			}
			applied = time.Now()
		}
		if err := f.remove(ctx, rows); err != nil {
			return f.described(ctx, err)
		}
		if len(rows) > f.opts.MaxKeys {
			continue // more may wait
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(f.opts.Interval):
		}
	}
}

// described returns the error in one line without secrets.
func (f *Feed) described(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text := f.opts.Redacted(strings.Join(strings.Fields(err.Error()), " "))
	return fmt.Errorf("change table %s: %s", f.opts.Table, text)
}
