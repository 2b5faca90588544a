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

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const plugin = "pgoutput"

// slot returns the slot to stream from, which is there and unused. When there is none
// that continues, apply gets a change of all first. A permanent slot is made only after
// that, of a temporary one: a session that finds it can rely on all before it being covered,
// but for what unsettled may have committed.
func (f *Feed) slot(ctx context.Context, conn *pgx.Conn, stream *pgconn.PgConn, changed bool, apply applyFunc) (name string, unsettled []int64, err error) {
	continues, err := f.continues(ctx, conn, changed)
	if continues || err != nil {
		return f.opts.Slot, nil, err
	}
	began := time.Now()
	name = "mlcache_" + strings.ToLower(rand.Text())
	_, err = pglogrepl.CreateReplicationSlot(ctx, stream, name, plugin, pglogrepl.CreateReplicationSlotOptions{
		Temporary: true, Mode: pglogrepl.LogicalReplication, SnapshotAction: "NOEXPORT_SNAPSHOT",
	}) // waits for the transactions that run, however long they do
	if err != nil {
		return "", nil, err
	}
	if unsettled, err = openTransactions(ctx, conn); err != nil {
		return "", nil, err
	}
	if err := apply(ctx, ports.Change{All: true, Behind: time.Since(began)}); err != nil || f.opts.Slot == "" {
		return name, unsettled, err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_copy_logical_replication_slot($1, $2, false)", name, f.opts.Slot); err != nil {
		return "", nil, err
	}
	f.opts.Logger.InfoContext(ctx, "created a replication slot", "slot", f.opts.Slot)
	return f.opts.Slot, unsettled, pglogrepl.DropReplicationSlot(ctx, stream, name, pglogrepl.DropReplicationSlotOptions{})
}

// continues reports whether the permanent slot continues where the last acknowledged
// change ended. One that does not is dropped.
func (f *Feed) continues(ctx context.Context, conn *pgx.Conn, changed bool) (bool, error) {
	if f.opts.Slot == "" {
		return false, nil
	}
	exists, usable, err := f.found(ctx, conn)
	if err != nil || !exists {
		return false, err
	}
	if err := f.takeOver(ctx, conn); err != nil {
		return false, err
	}
	if usable && !changed {
		return true, nil
	}
	f.opts.Logger.WarnContext(ctx, "replaces a replication slot that misses changes", "slot", f.opts.Slot)
	_, err = conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", f.opts.Slot)
	return false, err
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
