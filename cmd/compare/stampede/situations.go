package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// each does something with so many keys, one after the other.
func (f *fleet) each(n int, prefix string, do func(key string, o *outcome) error) (o outcome, err error) {
	for i := range n {
		if err := do(fmt.Sprintf("%s%d", prefix, i), &o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// count notes callers and those of them that got an error.
func (o *outcome) count(answers []answer) {
	o.of += len(answers)
	for _, a := range answers {
		if a.Err != "" {
			o.failed++
		}
	}
}

// cold has all callers want a key that is nowhere.
func cold(ctx context.Context, f *fleet) (outcome, error) {
	return f.each(f.trials, "cold-", func(key string, o *outcome) error {
		answers, err := f.burstOn(ctx, f.nodes, key, f.callers/instances)
		if err != nil {
			return err
		}
		o.count(answers)
		o.calls = append(o.calls, len(f.source.calls(key)))
		for _, a := range answers {
			if a.Err == "" {
				o.waits = append(o.waits, max(0, a.At.Sub(f.source.loaded(key))))
			}
		}
		return nil
	})
}

// failure has all callers want a key whose loads fail. How long they wait is their
// delay.
func failure(ctx context.Context, f *fleet) (outcome, error) {
	return f.each(max(1, f.trials/10), failing, func(key string, o *outcome) error {
		answers, err := f.burstOn(ctx, f.nodes, key, f.callers/instances)
		if err != nil {
			return err
		}
		o.calls = append(o.calls, len(f.source.calls(key)))
		for _, a := range answers {
			if a.Err == "" {
				return fmt.Errorf("%s has the value %q", key, a.Value)
			}
			o.delays = append(o.delays, a.Took)
		}
		return nil
	})
}

// killed has all callers want a key, and kills the process that calls the source
// first while it does. The delay is until the last of the others has its value.
func killed(ctx context.Context, f *fleet) (outcome, error) {
	const key = slow + "killed"
	var answers []answer
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	var bursts sync.WaitGroup
	defer bursts.Wait()
	var mu sync.Mutex
	for _, n := range f.nodes {
		bursts.Go(func() {
			got, err := f.burst(asking, n, key, f.callers/instances)
			if err != nil {
				return // it is the one that was killed, or seen below
			}
			mu.Lock()
			answers = append(answers, got...)
			mu.Unlock()
		})
	}
	holder, err := f.source.called(ctx, key)
	if err != nil {
		return outcome{}, err
	}
	time.Sleep(f.latency) // all have come, and a call takes several times that
	for _, n := range f.nodes {
		if n.setup.Name == holder.instance {
			n.Kill()
		}
	}
	began := time.Now()
	bursts.Wait()
	if len(answers) != (len(f.nodes)-1)*(f.callers/instances) {
		return outcome{}, errors.New("a process that was not killed has not answered")
	}
	o := outcome{calls: []int{len(f.source.calls(key))}, delays: []time.Duration{untilLast(answers, began)}}
	o.count(answers)
	return o, nil
}

// untilLast returns how long after that time the last of the answers came.
func untilLast(answers []answer, began time.Time) (took time.Duration) {
	for _, a := range answers {
		took = max(took, a.At.Sub(began))
	}
	return took
}

// deleted changes a value and deletes its key on another process while a load that
// got the old one is under way. After it, no process must have the old one.
func deleted(ctx context.Context, f *fleet) (outcome, error) {
	return f.each(f.trials, "deleted-", func(key string, o *outcome) error {
		loading := make(chan error, 1)
		go func() {
			_, err := f.burst(ctx, f.nodes[0], key, 1)
			loading <- err
		}()
		if _, err := f.source.called(ctx, key); err != nil {
			return errors.Join(err, <-loading)
		}
		f.source.change(key)
		err := f.delete(ctx, f.nodes[1], key)
		inTime := f.source.loaded(key).IsZero()
		if err := errors.Join(err, <-loading); err != nil {
			return err
		}
		if !inTime {
			return nil // the load ended before, so this shows nothing
		}
		time.Sleep(settling)
		answers, err := f.burstOn(ctx, f.nodes, key, 1)
		if err != nil {
			return err
		}
		o.trials++
		for _, a := range answers {
			if a.Value == value(key, 1) {
				o.stale++
				break
			}
		}
		return nil
	})
}

// settling is how long loaders that store in the background may take.
const settling = 100 * time.Millisecond

// invalidated has a process read a key that another one deletes. The delay is from
// there until it does not get the old value any more.
func invalidated(ctx context.Context, f *fleet) (outcome, error) { return f.reading(ctx, 0) }

// missed is the same while the link of the process that reads is cut.
func missed(ctx context.Context, f *fleet) (outcome, error) { return f.reading(ctx, time.Second) }

func (f *fleet) reading(ctx context.Context, cut time.Duration) (outcome, error) {
	return f.each(1, "read-", func(key string, o *outcome) error {
		reader, writer := f.nodes[0], f.nodes[1]
		for _, n := range []*node{writer, reader} {
			if err := f.fill(ctx, n, key); err != nil {
				return err
			}
		}
		time.Sleep(settling)
		if cut > 0 {
			reader.link.cut()
			time.AfterFunc(cut, reader.link.mend)
		}
		f.source.change(key)
		if err := f.delete(ctx, writer, key); err != nil {
			return err
		}
		deleted := time.Now()
		s, err := f.watch(ctx, reader, key, value(key, 1), f.ttl+2*time.Second)
		if err != nil {
			return err
		}
		o.failed, o.of = o.failed+min(1, s.Failed), o.of+1
		o.answers = append(o.answers, s.Longest)
		o.delays = append(o.delays, max(0, s.LastOld.Sub(deleted)))
		return nil
	})
}

// gone kills Redis.
func gone(ctx context.Context, f *fleet) (outcome, error) {
	return f.without(ctx, func() error {
		f.redis.Kill()
		return nil
	})
}

// hung stops Redis: connections stay, and nothing is answered.
func hung(ctx context.Context, f *fleet) (outcome, error) {
	return f.without(ctx, func() error { return syscall.Kill(f.redis.PID(), syscall.SIGSTOP) })
}

// without gets a key that each process has in memory and one that none has, when
// Redis does not answer any more. The delays are how long the latter takes beyond
// the load.
func (f *fleet) without(ctx context.Context, stop func() error) (o outcome, err error) {
	const held = "held"
	for _, n := range f.nodes {
		if err := f.fill(ctx, n, held); err != nil {
			return o, err
		}
	}
	time.Sleep(settling)
	if err := stop(); err != nil {
		return o, err
	}
	for _, n := range f.nodes {
		answers, err := f.burst(ctx, n, held, 1)
		if err != nil {
			return o, err
		}
		o.answers = append(o.answers, answers[0].Took)
	}
	answers, err := f.burstOn(ctx, f.nodes, "cold", 1)
	if err != nil {
		return o, err
	}
	o.count(answers)
	for _, a := range answers {
		o.delays = append(o.delays, max(0, a.Took-f.latency))
	}
	return o, nil
}
