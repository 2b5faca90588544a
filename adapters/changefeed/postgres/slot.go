package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const plugin = "pgoutput"

// slot returns the slot to stream from, which is there and unused, and whether it
// continues where the last acknowledged change ended.
func (f *Feed) slot(ctx context.Context, conn *pgx.Conn, stream *pgconn.PgConn, changed bool) (name string, continues bool, err error) {
	if f.opts.Slot == "" {
		name = "mlcache_" + strings.ToLower(rand.Text())
		return name, false, create(ctx, stream, name, true)
	}
	name = f.opts.Slot
	exists, usable, err := f.found(ctx, conn)
	if err != nil {
		return "", false, err
	}
	if exists {
		if err := f.takeOver(ctx, conn); err != nil {
			return "", false, err
		}
		if usable && !changed {
			return name, true, nil
		}
		if _, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", name); err != nil {
			return "", false, err
		}
	}
	if err := create(ctx, stream, name, false); err != nil {
		return "", false, err
	}
	f.opts.Logger.InfoContext(ctx, "created a replication slot", "slot", name, "replaces_unusable", exists)
	return name, false, nil
}

// create waits for the transactions that run, however long they do.
func create(ctx context.Context, stream *pgconn.PgConn, name string, temporary bool) error {
	_, err := pglogrepl.CreateReplicationSlot(ctx, stream, name, plugin, pglogrepl.CreateReplicationSlotOptions{
		Temporary: temporary, Mode: pglogrepl.LogicalReplication, SnapshotAction: "NOEXPORT_SNAPSHOT",
	})
	return err
}

// found reports whether there is the permanent slot, and whether the server still has
// all of its WAL.
func (f *Feed) found(ctx context.Context, conn *pgx.Conn) (exists, usable bool, err error) {
	var ours bool
	err = conn.QueryRow(ctx, "SELECT coalesce(plugin = $2 AND database = current_database(), false), coalesce(wal_status <> 'lost', false)"+
		" FROM pg_replication_slots WHERE slot_name = $1", f.opts.Slot, plugin).Scan(&ours, &usable)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, false, nil
	case err == nil && !ours:
		err = fmt.Errorf("the replication slot %s is of another plug-in or database", f.opts.Slot)
	}
	return true, usable, err
}

// takeOver ends what streams from the slot: a leader that has died, which the server
// has not noticed, or one that has lost its lease, which it has not noticed itself.
func (f *Feed) takeOver(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, f.opts.Timeout, errTaken)
	defer cancel()
	for last := 0; ; {
		var pid int
		err := conn.QueryRow(ctx, "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL", f.opts.Slot).Scan(&pid)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
		if pid != last {
			f.opts.Logger.WarnContext(ctx, "took over a replication slot that was in use", "slot", f.opts.Slot, "pid", pid)
			last = pid
		}
		if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend($1)", pid); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

var errTaken = errors.New("something else follows the replication slot and does not end")

// start begins to stream from where the slot is.
func (f *Feed) start(ctx context.Context, stream *pgconn.PgConn, slot string) error {
	return pglogrepl.StartReplication(ctx, stream, slot, 0, pglogrepl.StartReplicationOptions{
		Mode:       pglogrepl.LogicalReplication,
		PluginArgs: []string{"proto_version '1'", fmt.Sprintf(`publication_names '"%s"'`, f.opts.Publication)},
	})
}
