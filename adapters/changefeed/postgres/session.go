package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// heartbeat is how often an idle feed calls apply.
	heartbeat = time.Second
	// usualCheck is after how many heartbeats the catalog is read again.
	usualCheck = 10
)

// postgresEpoch is when the clock of messages begins.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var errSilent = errors.New("the server has not answered for too long")

// session is one stream.
type session struct {
	feed     *Feed
	stream   *pgconn.PgConn
	inbox    *inbox
	receiver *receiver
	applied  atomic.Uint64 // LSN up to which the server need not repeat anything

	asking    sync.Mutex
	conn      *pgx.Conn
	shape     string  // of the tables, see Feed.check
	unsettled []int64 // transactions that have not ended since the slot was created
}

func newSession(f *Feed, conn *pgx.Conn, stream *pgconn.PgConn, shape string, unsettled []int64) *session {
	in := newInbox()
	return &session{feed: f, conn: conn, stream: stream, shape: shape, unsettled: unsettled, inbox: in, receiver: newReceiver(f, stream, in)}
}

// run follows the stream to its end, and acknowledges at last what was applied.
func (s *session) run(ctx context.Context, apply applyFunc) error {
	running, cancel := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	for _, help := range []func(context.Context) error{s.receiver.run, s.watch} {
		helpers.Go(func() { cancel(help(running)) })
	}
	err := s.applyAll(ctx, running, apply)
	cancel(err)
	helpers.Wait()
	_ = s.report(false) // if the connection is left
	return err
}

// applyAll calls apply with each batch, until running ends, for whose cause it does.
func (s *session) applyAll(ctx, running context.Context, apply applyFunc) error {
	for {
		select {
		case <-running.Done():
			return context.Cause(running)
		case <-s.inbox.ready:
		}
		b, ok := s.inbox.take()
		if !ok {
			continue
		}
		if err := s.awaitVisible(ctx, running, &b, apply); err != nil {
			return err
		}
		if err := apply(ctx, b.change()); err != nil {
			return err
		}
		s.applied.Store(max(s.applied.Load(), uint64(b.upTo)))
		if b.failed != nil {
			return b.failed
		}
	}
}

// watch writes to the stream each second, whatever apply does, so that the server never
// has to ask for a reply.
func (s *session) watch(ctx context.Context) error {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for n := 0; ; n++ {
		if err := s.sample(ctx, n); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// sample finds out where the WAL ends, before it asks the server how far the stream is.
func (s *session) sample(ctx context.Context, n int) error {
	if time.Since(*s.receiver.received.Load()) > s.feed.opts.Timeout {
		return errSilent
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.feed.opts.Timeout/2)
	defer cancel()
	m := mark{at: time.Now()}
	if err := s.conn.QueryRow(ctx, "SELECT "+walEnd).Scan(&m.lsn); err != nil {
		return err
	}
	if err := s.settle(ctx, m.at); err != nil {
		return err
	}
	if n++; n%s.feed.checkEvery == 0 {
		if err := s.look(ctx, &m); err != nil {
			return err
		}
	}
	s.receiver.newest.Store(&m)
	return s.report(true)
}

// look reads the catalog again. A table that has become another, is not published any
// more, or was written by ALTER TABLE, has no row in the stream that says so.
func (s *session) look(ctx context.Context, m *mark) error {
	shape, err := s.feed.check(ctx, s.conn)
	if err != nil {
		return err
	}
	todo, err := s.feed.unpublished(ctx, s.conn)
	if err != nil {
		return err
	}
	if todo != "" {
		return fmt.Errorf("the publication %s does not have all changes any more, which needs: %s", s.feed.opts.Publication, todo)
	}
	if shape != s.shape {
		s.shape = shape
		s.inbox.put(s.receiver.everything(m.at))
	}
	return nil
}

// report tells the server what it need not repeat, and may want an answer. It writes
// past pgconn, which another goroutine reads from, and may close.
func (s *session) report(answer bool) error {
	applied := s.applied.Load()
	update := []byte{pglogrepl.StandbyStatusUpdateByteID}
	for range 3 { // written, flushed and applied
		update = binary.BigEndian.AppendUint64(update, applied)
	}
	now := time.Since(postgresEpoch).Microseconds() // the server shows it as reply_time
	update = append(binary.BigEndian.AppendUint64(update, uint64(now)), 0)
	if answer {
		update[len(update)-1] = 1
	}
	message, err := (&pgproto3.CopyData{Data: update}).Encode(nil)
	if err != nil {
		return err
	}
	_, err = s.stream.Conn().Write(message)
	return err
}
