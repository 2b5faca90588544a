package app

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// inspectAfter is how old a difference has to be that counts: a copy may differ from
// the source until an invalidation arrives or its TTL is over.
var inspectAfter = [...]time.Duration{time.Second, 10 * time.Second, time.Minute}

// suspectsAtOnce bounds the copies that an inspector looks at again.
const suspectsAtOnce = 100

// inspector compares some of the copies that requests were answered with to what the
// source has, one after the other, with slots that nobody else wants.
type inspector struct {
	s        *Service
	every    time.Duration
	wants    atomic.Bool // a hit
	hits     chan suspect
	suspects []suspect // that differed; of the goroutine
	counts   inspected

	stop    context.CancelFunc
	running sync.WaitGroup
}

// suspect is a copy that may differ from what the source has.
type suspect struct {
	key   domain.Key
	entry *domain.Entry
	found time.Time // when it differed
	next  int       // place in inspectAfter of what it is due for
}

// inspected counts what an inspector found.
type inspected struct {
	total    atomic.Uint64
	volatile atomic.Uint64 // the source answers differently each time
	differ   [len(inspectAfter)]atomic.Uint64

	mu    sync.Mutex
	finds []ports.Find // the last findsKept, newest last, each key once
}

// findsKept bounds the finds that are remembered.
const findsKept = 10

func (i *inspected) found(f ports.Find) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.finds = slices.DeleteFunc(i.finds, func(old ports.Find) bool { return old.Key == f.Key })
	i.finds = append(i.finds, f)
	i.finds = slices.Delete(i.finds, 0, max(0, len(i.finds)-findsKept))
}

func (i *inspected) last() []ports.Find {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.finds)
}

// inspect begins to inspect hits, until Close, if that is asked for.
func (s *Service) inspect() {
	if s.opts.InspectPerSecond == 0 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	i := &inspector{s: s, every: time.Duration(float64(time.Second) / s.opts.InspectPerSecond), hits: make(chan suspect, 1), stop: stop}
	i.running.Go(func() { i.run(ctx) })
	s.inspector = i
}

func (i *inspector) end() {
	if i != nil {
		i.stop()
		i.running.Wait()
	}
}

// hit offers a copy that answers a request.
func (i *inspector) hit(key domain.Key, e *domain.Entry) {
	if i != nil && i.wants.Load() && i.wants.CompareAndSwap(true, false) {
		select {
		case i.hits <- suspect{key: key.Clone(), entry: e}:
		default: // another one is there
		}
	}
}

func (i *inspector) run(ctx context.Context) {
	tick := time.NewTicker(i.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !i.again(ctx) && len(i.hits) == 0 && len(i.suspects) < suspectsAtOnce {
				i.wants.Store(true)
			}
		case hit := <-i.hits:
			if i.differs(ctx, hit) {
				hit.found = time.Now()
				i.suspects = append(i.suspects, hit)
			}
		}
	}
}

// again looks at a copy that is due: whether it is still held, and still differs. It
// reports whether the source was asked for that, which is as much as is to be done at a
// time: so no copy waits for long after it is due, however many differ.
func (i *inspector) again(ctx context.Context) bool {
	for n := 0; n < len(i.suspects); {
		s := i.suspects[n]
		if time.Since(s.found) < inspectAfter[s.next] {
			n++
			continue
		}
		i.suspects = slices.Delete(i.suspects, n, n+1)
		if i.holds(s) {
			i.reinspect(ctx, s)
			return true
		}
	}
	return false
}

// holds reports whether L1 has the copy, and would answer with it.
func (i *inspector) holds(s suspect) bool {
	held, ok := i.s.l1.Peek(s.key)
	return ok && held.Fresh() && held.Entry.SameValue(s.entry)
}

// reinspect counts a copy that still differs.
func (i *inspector) reinspect(ctx context.Context, s suspect) {
	if !i.differs(ctx, s) {
		return
	}
	i.counts.differ[s.next].Add(1)
	i.counts.found(ports.Find{Key: s.key, After: inspectAfter[s.next], At: time.Now()})
	if s.next == 0 {
		i.s.log.WarnContext(ctx, "a copy differs from what the source has", "key", s.key, "for", time.Since(s.found))
	}
	if s.next++; s.next < len(inspectAfter) {
		i.suspects = append(i.suspects, s)
	}
}

// differs reports whether the source has something else than the copy. One that has
// something else each time it is asked is none to compare with.
func (i *inspector) differs(ctx context.Context, s suspect) bool {
	first, ok := i.ask(ctx, s.key)
	if !ok {
		return false
	}
	i.counts.total.Add(1)
	if first.SameValue(s.entry) {
		return false
	}
	second, ok := i.ask(ctx, s.key)
	if !ok {
		return false
	}
	if !first.SameValue(second) {
		i.counts.volatile.Add(1)
		return false
	}
	return true
}

// ask returns what the source has, if there is a slot that nobody wants and it answers.
func (i *inspector) ask(ctx context.Context, key domain.Key) (*domain.Entry, bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, i.s.opts.SourceTimeout, domain.ErrTimeout)
	defer cancel()
	if _, failed := i.s.failed.of(key); failed != nil || i.s.breaker.failing() {
		return nil, false
	}
	access, err := i.s.gate.enter(ctx, false, notExpected)
	if err != nil {
		return nil, false
	}
	defer access.done()
	var r response
	select {
	case r = <-access.load(ctx, key, domain.Validator{}):
	case <-ctx.Done():
		return nil, false
	}
	answer, err := i.s.judge(ctx, r, &domain.Entry{})
	return answer.Entry, err == nil
}

// activity returns what was found; nil if nothing is inspected.
func (i *inspector) activity() *ports.Inspected {
	if i == nil {
		return nil
	}
	n := &ports.Inspected{Total: i.counts.total.Load(), Volatile: i.counts.volatile.Load(), Finds: i.counts.last()}
	for at, after := range inspectAfter {
		n.Inconsistent = append(n.Inconsistent, ports.Inconsistent{After: after, Total: i.counts.differ[at].Load()})
	}
	return n
}
