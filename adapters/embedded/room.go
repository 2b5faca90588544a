package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// room keeps the file to the pages that it is given, and to fewer while the disk
// has no more: then new rows take the place of those written longest ago, within
// the pages that the file has.
type room struct {
	given int64 // pages
	limit int64 // pages that the file may have now
	full  error // not nil while the disk is full
	probe string
	retry time.Time
}

var errFull = errors.New("the disk is full")

// emptyPages is at least what an empty file has: its header, the schema, the roots
// of its trees, and a page of the free list.
const emptyPages = 8

func newRoom(maxBytes int64, probe string) room {
	pages := maxBytes / pageBytes
	return room{given: pages, limit: pages, probe: probe}
}

// pagesFor returns how many pages a row of that size may take, those by which the
// trees grow included.
func pagesFor(size int) int64 { return int64(size)/(pageBytes-64) + 4 }

// put makes room for an insert that needs so many pages, and runs it.
func (r *room) put(ctx context.Context, t *table, now, need int64, insert func() error) error {
	if _, err := t.expire(ctx, now, expiredPerPut); err != nil && !isFull(err) {
		return err
	}
	r.lookAgain(need)
	err := r.make(ctx, t, now, need)
	if err == nil {
		err = insert()
	}
	if !isFull(err) {
		return err
	}
	if err := r.shrink(ctx, t); err != nil {
		return err
	}
	if err := r.make(ctx, t, now, need); err != nil {
		return err
	}
	return insert()
}

// make evicts rows until so many pages are free or may be added.
func (r *room) make(ctx context.Context, t *table, now, need int64) error {
	for {
		all, free, err := t.pages(ctx)
		missing := need - free - max(0, r.limit-all)
		if err != nil || missing <= 0 {
			return err
		}
		n, err := t.expire(ctx, now, expiredPerPut)
		if err == nil && n == 0 {
			n, err = t.evict(ctx, missing*pageBytes)
		}
		if err != nil || n == 0 {
			return err
		}
	}
}

// shrink makes the pages that the file has the limit: the disk has no more.
func (r *room) shrink(ctx context.Context, t *table) error {
	pages, _, err := t.pages(ctx)
	if err != nil {
		return err
	}
	r.limit, r.retry = pages, time.Now().Add(retryEvery)
	r.full = fmt.Errorf("%w: the file has %d KiB of the %d KiB that it may have", errFull, pages*pageBytes>>10, r.given*pageBytes>>10)
	return nil
}

// lookAgain lifts the limit when the disk has room again.
func (r *room) lookAgain(need int64) {
	if r.full == nil || time.Now().Before(r.retry) {
		return
	}
	r.retry = time.Now().Add(retryEvery)
	err := os.WriteFile(r.probe, make([]byte, (need+emptyPages)*pageBytes), 0o600)
	if err = errors.Join(err, os.Remove(r.probe)); err == nil {
		r.limit, r.full = r.given, nil
	}
}
