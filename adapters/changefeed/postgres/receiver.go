package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
)

// mark is where the WAL ended at a time or later.
type mark struct {
	lsn pglogrepl.LSN
	at  time.Time
}

// receiver reads the stream, and puts what it says into the inbox.
type receiver struct {
	feed     *Feed
	stream   *pgconn.PgConn
	inbox    *inbox
	received atomic.Pointer[time.Time] // when anything was received last
	newest   atomic.Pointer[mark]

	next      *mark     // the oldest that was not passed
	caughtUp  time.Time // when all that had been committed by then was received; zero if unknown
	beaten    *mark     // the last with a heartbeat
	relations relations
	open      bool  // within a transaction
	tx        batch // of it, up to now
}

func newReceiver(f *Feed, stream *pgconn.PgConn, in *inbox) *receiver {
	r := &receiver{feed: f, stream: stream, inbox: in, relations: newRelations(f.tables)}
	r.touch()
	r.tx = r.empty()
	return r
}

func (r *receiver) touch() {
	now := time.Now()
	r.received.Store(&now)
}

func (r *receiver) empty() batch { return batch{keys: changefeed.Keys{Max: r.feed.opts.MaxKeys}} }

// everything is a change of all that happened at that time.
func (r *receiver) everything(at time.Time) batch {
	b := r.empty()
	b.keys.AddAll()
	b.since = at
	return b
}

func (r *receiver) run(ctx context.Context) error {
	for {
		message, err := r.stream.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		r.touch()
		switch message := message.(type) {
		case *pgproto3.CopyData:
			err = r.data(message.Data)
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(message)
		case *pgproto3.CopyDone, *pgproto3.CommandComplete:
			err = fmt.Errorf("the server ended the stream")
		}
		if err != nil {
			return err
		}
	}
}

func (r *receiver) data(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("the server sent an empty message")
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return err
		}
		r.keepalive(k)
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return err
		}
		return r.change(x)
	}
	return nil
}

// keepalive says up to where the server has sent all, unless it is about to send a
// transaction.
func (r *receiver) keepalive(k pglogrepl.PrimaryKeepaliveMessage) {
	if r.open {
		r.beat(0)
		return
	}
	r.passed(k.ServerWALEnd)
	r.beat(k.ServerWALEnd)
}

// beat puts a heartbeat, a batch without keys, for each mark, once it is known how far behind
// the feed is.
func (r *receiver) beat(upTo pglogrepl.LSN) {
	newest := r.newest.Load()
	if newest == r.beaten || r.caughtUp.IsZero() {
		return
	}
	r.beaten = newest
	b := r.empty()
	b.upTo, b.since = upTo, r.caughtUp
	r.inbox.put(b)
}

// passed notes that all up to lsn was received.
func (r *receiver) passed(lsn pglogrepl.LSN) {
	for range 2 { // the newest may be passed together with an older one
		if r.next == nil || r.next.at.Equal(r.caughtUp) {
			r.next = r.newest.Load()
		}
		if r.next == nil || lsn < r.next.lsn {
			return
		}
		r.caughtUp = r.next.at
	}
}

// change reads one message of pgoutput.
func (r *receiver) change(x pglogrepl.XLogData) error {
	if r.open {
		r.beat(0) // a long transaction must not look like a feed that hangs
	}
	if len(x.WALData) == 0 || r.skips(x.WALData) {
		return nil
	}
	message, err := pglogrepl.Parse(x.WALData)
	if err != nil {
		return err
	}
	switch m := message.(type) {
	case *pglogrepl.BeginMessage:
		r.open, r.tx = true, r.empty()
		r.tx.txs = transactions{ids: []uint32{m.Xid}}
	case *pglogrepl.CommitMessage:
		r.commit(m, x.ServerTime)
	case *pglogrepl.RelationMessage:
		r.relations.define(m, &r.tx)
	case *pglogrepl.InsertMessage:
		r.relations.insert(m, &r.tx)
	case *pglogrepl.UpdateMessage:
		r.relations.update(m, &r.tx)
	case *pglogrepl.DeleteMessage:
		r.relations.remove(m, &r.tx)
	case *pglogrepl.TruncateMessage:
		r.relations.truncate(m, &r.tx)
	}
	return nil
}

// skips reports whether a message is about a row that makes no difference, as most of
// a large transaction are.
func (r *receiver) skips(message []byte) bool {
	switch pglogrepl.MessageType(message[0]) {
	case pglogrepl.MessageTypeInsert, pglogrepl.MessageTypeUpdate, pglogrepl.MessageTypeDelete:
		return r.tx.keys.All() || !r.relations.has(message[1:])
	}
	return false
}

// commit hands the transaction over. Both times are the server's.
func (r *receiver) commit(m *pglogrepl.CommitMessage, now time.Time) {
	r.tx.upTo = m.TransactionEndLSN
	r.tx.since = time.Now().Add(-max(0, now.Sub(m.CommitTime)))
	if !r.tx.keys.Empty() {
		r.tx.version = m.TransactionEndLSN
		r.inbox.put(r.tx)
	}
	r.open, r.tx = false, r.empty()
	r.passed(m.TransactionEndLSN)
}
