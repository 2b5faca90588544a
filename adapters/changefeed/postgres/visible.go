package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// The stream has a transaction as soon as its COMMIT is in the WAL, but no statement
// sees it before the server has ended it, which with synchronous replicas comes a round
// trip later. A load in between reads the old row. So a change is applied when it is
// visible.

// manyTransactions is how many of a batch are told apart.
const manyTransactions = 10_000

// transactions are those of a batch, by the lower half of their ids. When there are
// too many, it is all from the first to the last.
type transactions struct {
	ids    []uint32
	merged bool
}

func (t *transactions) add(others transactions) {
	t.ids, t.merged = append(t.ids, others.ids...), t.merged || others.merged
	if len(t.ids) > manyTransactions || t.merged && len(t.ids) > 2 {
		t.ids, t.merged = []uint32{slices.MinFunc(t.ids, compareIDs), slices.MaxFunc(t.ids, compareIDs)}, true
	}
}

func (t *transactions) has(id uint32) bool {
	if !t.merged {
		return slices.Contains(t.ids, id)
	}
	return compareIDs(t.ids[0], id) <= 0 && compareIDs(id, t.ids[1]) <= 0
}

// compareIDs compares ids of transactions that were around at the same time: they wrap
// around.
func compareIDs(a, b uint32) int { return int(int32(a - b)) }

// isVisible reports whether statements that begin now see all of the transactions.
func (t *transactions) isVisible(ctx context.Context, conn *pgx.Conn) (bool, error) {
	if len(t.ids) == 0 {
		return true, nil
	}
	var next int64
	var open []int64
	err := conn.QueryRow(ctx, "SELECT pg_snapshot_xmax(s)::text::bigint, ARRAY(SELECT pg_snapshot_xip(s)::text::bigint) FROM pg_current_snapshot() s").Scan(&next, &open)
	if err != nil {
		return false, err
	}
	last := slices.MaxFunc(t.ids, compareIDs)
	return compareIDs(last, uint32(next)) < 0 && !slices.ContainsFunc(open, func(id int64) bool { return t.has(uint32(id)) }), nil
}

// firstLook is how long after a change that is not visible the server is asked again.
const firstLook = time.Millisecond

// awaitVisible waits until statements see what b has. Meanwhile the feed is not silent.
func (s *session) awaitVisible(ctx, running context.Context, b *batch, apply applyFunc) error {
	applied := time.Now()
	for pause := firstLook; ; pause = min(2*pause, 50*firstLook) {
		seen, err := s.isVisible(running, b)
		if seen || err != nil {
			return err
		}
		if time.Since(applied) > heartbeat {
			if err := apply(ctx, ports.Change{Behind: max(0, time.Since(b.since))}); err != nil {
				return err
			}
			applied = time.Now()
		}
		select {
		case <-running.Done():
			return context.Cause(running)
		case <-time.After(pause):
		}
	}
}

func (s *session) isVisible(ctx context.Context, b *batch) (bool, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.feed.opts.Timeout/2)
	defer cancel()
	return b.txs.isVisible(ctx, s.conn)
}

// openTransactions returns the ids of those that have not ended, visible or not.
func openTransactions(ctx context.Context, conn *pgx.Conn) (ids []int64, err error) {
	err = conn.QueryRow(ctx, "SELECT ARRAY(SELECT transactionid::text::bigint FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)").Scan(&ids)
	return ids, err
}

// settle has everything change again when some of the transactions have ended that were
// open when the slot was created: their COMMIT may be in the WAL before it.
func (s *session) settle(ctx context.Context, at time.Time) error {
	if len(s.unsettled) == 0 {
		return nil
	}
	open, err := openTransactions(ctx, s.conn)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(s.unsettled), func(id int64) bool { return !slices.Contains(open, id) })
	if len(left) < len(s.unsettled) {
		s.unsettled = left
		s.inbox.put(s.receiver.everything(at))
	}
	return nil
}
