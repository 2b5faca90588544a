package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/embedded"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

type user struct {
	Name string `json:"name"`
}

// newCache puts a cache of users together: memory in front of an embedded second
// layer, in front of what load asks.
func newCache(load func(ctx context.Context, key string) (user, error)) (cache app.Typed[user], end func(), err error) {
	l1, err := lru.New(lru.Options{MaxEntries: 10_000, MaxBytes: 64 << 20, Tick: lru.DefaultTick})
	if err != nil {
		return cache, nil, err
	}
	options := app.DefaultOptions()
	l2, err := embedded.Open(embedded.Options{
		LockTTL: 5 * time.Second, MaxBytes: 64 << 20, MaxValueBytes: options.MaxValueBytes,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		l1.Close()
		return cache, nil, err
	}
	service, err := app.New(app.Ports{
		L1: l1, L2: l2, Locker: l2, Bus: l2, Source: app.SourceOf(app.JSON[user](), load),
		Recorder: counters.New(), Logger: slog.New(slog.DiscardHandler),
	}, options)
	end = func() {
		if service != nil {
			_ = service.Close(context.Background())
		}
		_ = l2.Close()
		l1.Close()
	}
	if err != nil {
		end()
		return cache, nil, err
	}
	return app.TypedBy(app.JSON[user](), service), end, nil
}

// A cache of one's own values in front of one's own database, in one process. For
// several, put redis.NewStore, redis.NewLocker and redis.NewBus in the place of the
// embedded layer.
func Example() {
	calls := 0
	cache, end, err := newCache(func(_ context.Context, key string) (user, error) {
		calls++ // the database
		if key != "7" {
			return user{}, domain.ErrNotFound
		}
		return user{Name: "Ada"}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()

	ctx := context.Background()
	for range 3 {
		u, err := cache.Get(ctx, "7")
		fmt.Println(u.Name, err)
	}
	_, err = cache.Get(ctx, "8")
	fmt.Println(errors.Is(err, domain.ErrNotFound), "after", calls, "calls")
	// Output:
	// Ada <nil>
	// Ada <nil>
	// Ada <nil>
	// true after 2 calls
}

// However many ask at once for what is nowhere cached: the source is called once.
func ExampleService_Get() {
	calls := 0
	asked := make(chan struct{})
	cache, end, err := newCache(func(context.Context, string) (user, error) {
		calls++
		<-asked // until all have asked
		return user{Name: "Grace"}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()

	var all, ready sync.WaitGroup
	for range 100 {
		ready.Add(1)
		all.Go(func() {
			ready.Done()
			_, _ = cache.Get(context.Background(), "9")
		})
	}
	ready.Wait()
	close(asked)
	all.Wait()
	fmt.Println(calls, "call")
	// Output: 1 call
}

// A value that was written is what everybody gets from then on.
func ExampleTyped_Put() {
	cache, end, err := newCache(func(context.Context, string) (user, error) { return user{Name: "old"}, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()

	ctx := context.Background()
	before, _ := cache.Get(ctx, "1")
	err = cache.Put(ctx, "1", user{Name: "new"}, -1)
	after, _ := cache.Get(ctx, "1")
	fmt.Println(before.Name, err, after.Name)
	// Output: old <nil> new
}

// What is deleted is loaded again.
func ExampleTyped_Delete() {
	calls := 0
	cache, end, err := newCache(func(context.Context, string) (user, error) {
		calls++
		return user{Name: fmt.Sprint("load ", calls)}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()

	ctx := context.Background()
	before, _ := cache.Get(ctx, "1")
	err = cache.Delete(ctx, "1")
	after, _ := cache.Get(ctx, "1")
	fmt.Println(before.Name, err, after.Name)
	// Output: load 1 <nil> load 2
}
