package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.ChangeFeed = (*Feed)(nil)

// Feed follows the changes of some tables. It holds nothing between two calls of
// Follow.
type Feed struct {
	opts   Options
	tables changefeed.Tables
	config *pgx.ConnConfig

	checkEvery int // heartbeats
}

// New returns a feed of the tables that opts name. It connects to nothing yet.
func New(opts Options) (*Feed, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	tables, err := changefeed.ParseTables(opts.Tables)
	if err != nil {
		return nil, fmt.Errorf("postgres changes: %w", err)
	}
	config, err := opts.config()
	if err != nil {
		return nil, err
	}
	return &Feed{opts: opts, tables: tables, config: config, checkEvery: usualCheck}, nil
}

// Follow is as ports.ChangeFeed has it. An error names what an administrator has to do
// where there is something; it shows nothing of the DSN's secrets. It takes the slot
// from whatever else follows it.
func (f *Feed) Follow(ctx context.Context, apply func(context.Context, ports.Change) error) error {
	var failed error // of apply, which is returned as it is
	err := f.follow(ctx, func(ctx context.Context, c ports.Change) error {
		failed = apply(ctx, c)
		return failed
	})
	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return f.described(err)
}

// applyFunc is what Follow calls.
type applyFunc = func(context.Context, ports.Change) error

func (f *Feed) follow(ctx context.Context, apply applyFunc) error {
	conn, err := connect(ctx, f.config)
	if err != nil {
		return err
	}
	defer f.close(ctx, conn.PgConn())
	watched, err := f.check(ctx, conn)
	if err != nil {
		return err
	}
	changed, err := f.publish(ctx, conn)
	if err != nil {
		return err
	}
	stream, err := connectStream(ctx, f.config, f.opts.Timeout)
	if err != nil {
		return err
	}
	defer f.close(ctx, stream)
	slot, unsettled, err := f.slot(ctx, conn, stream, changed, apply)
	if err != nil {
		return err
	}
	if err := f.start(ctx, stream, slot); err != nil {
		return err
	}
	return newSession(f, conn, stream, watched, unsettled).run(ctx, apply)
}

// Retained returns how many bytes of WAL the server retains for the slot that opts
// name, also while no instance follows; 0 when the slot is temporary, or is none yet.
func (f *Feed) Retained(ctx context.Context) (int64, error) {
	if f.opts.Slot == "" {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.opts.Timeout)
	defer cancel()
	conn, err := connect(ctx, f.config)
	if err != nil {
		return 0, f.described(err)
	}
	defer f.close(ctx, conn.PgConn())
	var n int64
	err = conn.QueryRow(ctx, "SELECT coalesce(sum(pg_wal_lsn_diff("+walEnd+", restart_lsn)), 0)::bigint"+
		" FROM pg_replication_slots WHERE slot_name = $1", f.opts.Slot).Scan(&n)
	return n, f.described(err)
}

// walEnd is up to where the server has WAL that a stream can have.
const walEnd = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END"

// closeTime is how long a server may take to end a connection in order.
const closeTime = time.Second

// close ends a connection also after ctx. What pgx would still wait for is cut short.
func (f *Feed) close(ctx context.Context, conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	_ = conn.Close(ctx)
	_ = conn.Conn().Close()
	<-conn.CleanupDone()
}

const undefinedObject = "42704"

// described returns err in one line without the DSN's password.
func (f *Feed) described(err error) error {
	if err == nil {
		return nil
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	var of *pgconn.PgError
	if errors.As(err, &of) && of.Code == undefinedObject && f.opts.Slot != "" && strings.Contains(of.Message, "publication") {
		text += fmt.Sprintf(" (it was created after the slot: run SELECT pg_drop_replication_slot('%s'))", f.opts.Slot)
	}
	if secret := f.config.Password; secret != "" {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return fmt.Errorf("postgres changes: %s", text)
}
