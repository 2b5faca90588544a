package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// news is what a Bus told.
type news struct {
	gaps    atomic.Int64
	changed chan domain.Key
}

func (n *news) Invalidate(key domain.Key) {
	select {
	case n.changed <- key:
	default: // nobody reads them
	}
}

func (n *news) Purged(domain.Purges) {}

func (n *news) Gap() { n.gaps.Add(1) }

// member is an instance whose bus is listened to.
type member struct {
	instance
	news *news
}

// join opens a member and waits until it is connected, to all masters if they are a
// Cluster.
func join(t *testing.T, url string) member {
	t.Helper()
	m := member{instance: open(t, url, times), news: &news{changed: make(chan domain.Key, 1000)}}
	m.bus.Listen(m.news)
	awaitListening(t, m.instance)
	eventually(t, "all masters are used", func() bool { return m.client.Fault() == nil })
	return m
}

// gap returns a function that waits until m is told of a gap that began after
// the call of gap.
func (m member) gap(t *testing.T) (await func()) {
	before := m.news.gaps.Load()
	return func() {
		t.Helper()
		eventually(t, "a gap is told", func() bool { return m.news.gaps.Load() > before })
	}
}

// impatient returns a client with the budget of production.
func impatient(t *testing.T, url string) *Client {
	t.Helper()
	o := options(url)
	o.Timeout = 50 * time.Millisecond
	return newClient(t, o)
}

// awaitGet waits until c can read key, which is stored.
func awaitGet(t *testing.T, c *Client, key domain.Key) {
	t.Helper()
	t.Log("readable after", eventually(t, "it is read within its budget", func() bool {
		_, ok, err := NewStore(c).Get(t.Context(), key)
		return err == nil && ok
	}))
}

var entry = domain.NewEntry(domain.Value{Body: "v"}, time.Minute, 0)

// awaitRecovery waits until a and b can be used again, without being helped,
// and requires that from then on all works.
func awaitRecovery(t *testing.T, a, b member) {
	t.Helper()
	t.Log("usable again after", eventually(t, "both are usable again", func() bool { return usable(t, a) && usable(t, b) }))
	tries := 0 // a busy machine makes a server look as if it hung, now and then
	eventually(t, "all works", func() bool {
		tries++
		for i := range someKeys {
			if err := exercise(t.Context(), a, b, parse(t, fmt.Sprintf("exercise %d, %d", tries, i))); err != nil {
				t.Log(err)
				return false
			}
		}
		return true
	})
}

// someKeys is enough for each master of a Cluster to have one.
const someKeys = 9

func usable(t *testing.T, in member) bool {
	t.Helper()
	for i := range someKeys {
		if in.store.Put(t.Context(), parse(t, fmt.Sprintf("recovery %d", i)), entry) != nil {
			return false
		}
	}
	return in.bus.Subscribed()
}

// awaitReplicated waits until the replica has what the master has of key.
func awaitReplicated(t *testing.T, replica *redistest.Server, key domain.Key) {
	t.Helper()
	eventually(t, "it is replicated", func() bool {
		return strings.Contains(replica.Command("KEYS", "*"), namesOf(prefix, key).value)
	})
}

// exercise does all that two members can do for one key, which has to be new.
func exercise(ctx context.Context, a, b member, key domain.Key) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, step := range []func(context.Context, member, member, domain.Key) error{write, load, fail, list} {
		if err := step(ctx, a, b, key); err != nil {
			return err
		}
	}
	return nil
}

// write puts and deletes, of which b hears.
func write(ctx context.Context, a, b member, key domain.Key) error {
	if err := a.store.Put(ctx, key, entry); err != nil {
		return err
	}
	if err := stored(ctx, b, key, true); err != nil {
		return err
	}
	if err := a.store.Invalidate(ctx, key, domain.Invalidation{}); err != nil {
		return err
	}
	for range 2 {
		for heard := (domain.Key{}); heard != key; {
			select {
			case heard = <-b.news.changed:
			case <-ctx.Done():
				return errors.New("no news of a write")
			}
		}
	}
	return stored(ctx, b, key, false)
}

func stored(ctx context.Context, in member, key domain.Key, want bool) error {
	_, ok, err := in.store.Get(ctx, key)
	if err == nil && ok != want {
		err = fmt.Errorf("stored: %v", ok)
	}
	return err
}

// list purges, which forgets what was purged before, and publishes a hot key.
func list(ctx context.Context, a, b member, key domain.Key) error {
	_, err := a.store.Purge(ctx, domain.Purge{Tags: domain.Tags{"t"}}, domain.Mark{}, time.Minute)
	if err != nil {
		return err
	}
	time.Sleep(5 * time.Millisecond) // so that the server, by its own clock, need not remember the first any longer
	purged, err := a.store.Purge(ctx, domain.Purge{Tags: domain.Tags{"later"}}, domain.Mark{}, time.Millisecond)
	if err == nil {
		_, err = b.store.Purges(ctx, purged.Mark)
	}
	if err == nil {
		err = a.store.Publish(ctx, []domain.HotKey{{Key: key, Rate: 1}})
	}
	if err != nil {
		return err
	}
	hot, err := b.store.Hottest(ctx, 10)
	if err == nil && len(hot) == 0 {
		err = errors.New("nothing is hot")
	}
	return err
}

// load fills under a lease, for which b waits.
func load(ctx context.Context, a, b member, key domain.Key) error {
	lease, err := a.locker.Acquire(ctx, key)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := b.locker.Await(ctx, key)
		ended <- err
	}()
	for waiting := 0; waiting == 0 && err == nil && ctx.Err() == nil; {
		waiting, err = a.client.rdb.Eval(ctx, "return #redis.call('SMEMBERS', KEYS[1])", []string{namesOf(prefix, key).waiters}).Int()
	}
	err = errors.Join(err, a.locker.Renew(ctx, key, lease), a.store.Fill(ctx, key, entry, lease))
	return errors.Join(err, <-ended, stored(ctx, b, key, true))
}

// fail gives a lease back with a failure, which b is told.
func fail(ctx context.Context, a, b member, key domain.Key) error {
	lease, err := a.locker.Acquire(ctx, key)
	if err != nil {
		return err
	}
	if err := a.locker.Release(ctx, key, lease, ports.Ending{Failure: domain.ErrSourceFailed, Cooldown: time.Minute}); err != nil {
		return err
	}
	if _, err = b.locker.Acquire(ctx, key); !errors.Is(err, domain.ErrSourceFailed) {
		return fmt.Errorf("the failure is not remembered: %w", err)
	}
	return nil
}
