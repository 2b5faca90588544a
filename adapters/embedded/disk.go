package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// disk is a store in a SQLite file. It is a cache: a file that is damaged or of
// another form is deleted and started again, and a disk that is full or fails costs
// a miss, never the process.
type disk struct {
	dir, path string
	health    health

	turn   chan struct{} // held by the call that uses what is below
	closed bool
	room   room
	table  *table // nil while the file cannot be opened
	failed error  // why not
	retry  time.Time
}

var _ store = (*disk)(nil)

// retryEvery is how often a disk that was full or failed is tried again.
const retryEvery = 2 * time.Second

// turnTimeout is how long a call waits for those before it.
const turnTimeout = time.Second

var errHangs = errors.New("the disk hangs, or has more to do than it can")

// openDisk returns errors that continue the sentence `data directory "x" …`.
func openDisk(dir string, maxBytes int64, log *slog.Logger) (*disk, error) {
	d := &disk{
		dir:    dir,
		path:   filepath.Join(dir, "mlcache.db"),
		health: health{log: log},
		turn:   make(chan struct{}, 1),
	}
	d.room = newRoom(maxBytes, d.path+"-probe")
	switch err := d.open(); {
	case isInUse(err):
		return nil, errors.New("is in use by another process")
	case err != nil && !passes(err):
		return nil, fmt.Errorf("cannot be used: %w", err)
	default:
		d.health.note(err)
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 != 0 {
		// It may have been made for more than this, so its rights are left alone.
		log.Warn("embedded layer: other users may look into the data directory (chmod 700 forbids it)", "dir", dir, "mode", info.Mode().Perm())
	}
	return d, nil
}

// open opens the file, and replaces one that is of no use.
func (d *disk) open() error {
	d.failed = d.tryOpen()
	if isDamaged(d.failed) || errors.Is(d.failed, errForm) || errors.Is(d.failed, errPowerCut) {
		d.discard(d.failed)
		d.failed = d.tryOpen()
	}
	d.retry = time.Now().Add(retryEvery)
	return d.failed
}

func (d *disk) tryOpen() error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	if err := d.create(); err != nil {
		return err
	}
	t, err := openTable(d.path, d.room.given)
	if err == nil {
		d.table = t
	}
	return err
}

// create makes an empty file for SQLite to open, so that its rights, which the
// journal inherits, are not those that the umask happens to give. A file that is
// there is not opened: to close it would release the locks that this process has.
func (d *disk) create() error {
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return os.Chmod(d.path, 0o600)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// discard deletes the file while this process may still have it locked.
func (d *disk) discard(why error) {
	d.health.log.Warn("embedded layer: starting again with an empty file", "file", d.path, "because", why)
	for _, path := range []string{d.path, d.path + "-journal"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.health.log.Warn("embedded layer: cannot delete a file", "err", err)
		}
	}
	if d.table != nil {
		_ = d.table.close()
		d.table = nil
	}
}

// use waits for the turn and lets op use the table. Once begun, op is not
// interrupted: it is local and short, or the disk hangs.
func (d *disk) use(ctx context.Context, op func(context.Context, *table) error) error {
	hangs := time.NewTimer(turnTimeout)
	defer hangs.Stop()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-hangs.C:
		return errHangs
	}
	defer func() { <-d.turn }()
	if d.closed {
		return domain.ErrClosed
	}
	if d.table == nil && (time.Now().Before(d.retry) || d.open() != nil) {
		return d.failed
	}
	return d.attempt(context.WithoutCancel(ctx), op)
}

// attempt runs op. A damaged table is replaced by an empty one, on which op is
// tried again; one that fails in another way than for want of room is opened again
// after a while.
func (d *disk) attempt(ctx context.Context, op func(context.Context, *table) error) error {
	err := op(ctx, d.table)
	if isDamaged(err) {
		d.discard(err)
		if err := d.open(); err != nil {
			return err
		}
		err = op(ctx, d.table)
	}
	if isFailure(err) && !isFull(err) {
		_ = d.table.close()
		d.table, d.failed, d.retry = nil, err, time.Now().Add(retryEvery)
	}
	return err
}

func (d *disk) get(ctx context.Context, key string) (r row, ok bool, err error) {
	err = d.use(ctx, func(ctx context.Context, t *table) (err error) {
		r, ok, err = t.get(ctx, key)
		return err
	})
	if isFailure(err) { // success proves nothing about writing
		d.health.note(err)
	}
	return r, ok, err
}

func (d *disk) put(ctx context.Context, key string, form []byte, deadline, now int64) error {
	need := pagesFor(len(key) + len(form))
	if need > d.room.given-emptyPages {
		return tooLarge(need*pageBytes, (d.room.given-emptyPages)*pageBytes)
	}
	return d.write(ctx, func(ctx context.Context, t *table) error {
		return d.room.put(ctx, t, now, need, func() error { return t.put(ctx, key, form, deadline) })
	})
}

func (d *disk) remove(ctx context.Context, key string) error {
	return d.write(ctx, func(ctx context.Context, t *table) error { return t.remove(ctx, key) })
}

func (d *disk) write(ctx context.Context, op func(context.Context, *table) error) error {
	var full error
	err := d.use(ctx, func(ctx context.Context, t *table) error {
		err := op(ctx, t)
		full = d.room.full
		return err
	})
	switch {
	case err == nil:
		d.health.note(full)
	case isFailure(err):
		d.health.note(err)
	}
	return err
}

// isFailure tells errors of the disk from those of the caller.
func isFailure(err error) bool {
	return err != nil && !errors.Is(err, domain.ErrClosed) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

func (d *disk) fault() string { return d.health.reason() }

func (d *disk) close() error {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	d.closed = true
	if d.table == nil {
		return nil
	}
	d.table.markClosed()
	return d.table.close()
}
