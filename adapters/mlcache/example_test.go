package mlcache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

type User struct {
	Name string `json:"name"`
}

// must is how examples handle errors.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A cache in front of a function, in one process.
func Example() {
	ctx := context.Background()
	calls := 0
	users, err := mlcache.New("users", func(_ context.Context, key string) (User, error) {
		calls++ // a database, an API
		if key != "7" {
			return User{}, mlcache.ErrNotFound
		}
		return User{Name: "Ada"}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer users.Close(ctx)

	for range 3 {
		u, err := users.Get(ctx, "7")
		fmt.Println(u.Name, err)
	}
	_, err = users.Get(ctx, "8")
	fmt.Println(err)
	fmt.Println(errors.Is(err, mlcache.ErrNotFound), "after", calls, "calls")
	// Output:
	// Ada <nil>
	// Ada <nil>
	// Ada <nil>
	// users "8": no such key
	// true after 2 calls
}

// However many callers want a key that is cached nowhere, the function is called once.
func ExampleCache_Get() {
	ctx := context.Background()
	calls, waiting := 0, make(chan struct{})
	users := must(mlcache.New("users", func(context.Context, string) (User, error) {
		calls++
		<-waiting
		return User{Name: "Grace"}, nil
	}))
	defer users.Close(ctx)

	var all, ready sync.WaitGroup
	for range 100 {
		ready.Add(1)
		all.Go(func() {
			ready.Done()
			_, _ = users.Get(ctx, "9")
		})
	}
	ready.Wait()
	close(waiting)
	all.Wait()
	fmt.Println(calls, "call")
	// Output: 1 call
}

// A value that was written is what everybody gets from then on, and what is deleted is
// loaded again.
func ExampleCache_Put() {
	ctx := context.Background()
	users := must(mlcache.New("users", func(context.Context, string) (User, error) { return User{Name: "of the database"}, nil }))
	defer users.Close(ctx)

	err := users.Put(ctx, "1", User{Name: "put"}, mlcache.For(time.Minute))
	fmt.Println(must(users.Get(ctx, "1")).Name, err)
	err = users.Delete(ctx, "1")
	fmt.Println(must(users.Get(ctx, "1")).Name, err)
	// Output:
	// put <nil>
	// of the database <nil>
}

// A function that has many keys in one call gets those that are missing at about the
// same time.
func ExampleNewBatch() {
	ctx := context.Background()
	users := must(mlcache.NewBatch("users", func(_ context.Context, keys []string) (map[string]User, error) {
		fmt.Println("loads", len(keys))
		found := make(map[string]User)
		for _, key := range keys {
			if key != "nobody" { // is not in the map: not found
				found[key] = User{Name: "user " + key}
			}
		}
		return found, nil
	}, mlcache.Batch(3, time.Second))) // by default 100 keys, and 2ms
	defer users.Close(ctx)

	got, err := users.GetMany(ctx, []string{"1", "2", "nobody"})
	fmt.Println(got, err)
	// Output:
	// loads 3
	// map[1:{user 1} 2:{user 2}] <nil>
}

// A loader knows best how long its value is fresh.
func ExampleDescribe() {
	ctx := context.Background()
	rates := must(mlcache.New("rates", func(ctx context.Context, key string) (float64, error) {
		mlcache.Describe(ctx, key, mlcache.For(2*time.Hour), mlcache.Tags("ecb"), mlcache.Version(17))
		return 1.08, nil
	}))
	defer rates.Close(ctx)

	must(rates.Get(ctx, "usd"))
	x := must(rates.Explain(ctx, "usd"))
	fmt.Println(x.Next, x.L1.TTL.Round(time.Minute), x.L1.Tags, x.L1.Version)
	// Output: l1-hit 2h0m0s [ecb] 17
}

// Many caches on one connection. With Redis(url) as an option of Connect it is one to
// Redis; without, it is a layer in this process.
func ExampleConnect() {
	ctx := context.Background()
	shared := must(mlcache.Connect())
	defer shared.Close()
	upper := must(mlcache.New("upper", func(_ context.Context, key string) (string, error) { return "A" + key, nil }, mlcache.On(shared)))
	defer upper.Close(ctx)
	lower := must(mlcache.New("lower", func(_ context.Context, key string) (string, error) { return "a" + key, nil }, mlcache.On(shared)))
	defer lower.Close(ctx)

	fmt.Println(must(upper.Get(ctx, "7")), must(lower.Get(ctx, "7")))
	_, err := mlcache.New("lower", func(context.Context, string) (string, error) { return "", nil }, mlcache.On(shared))
	fmt.Println(err)
	// Output:
	// A7 a7
	// mlcache: cache "lower": there is a cache with the name "lower" on this connection
}

// In a program on Gin: a handler that reads from the cache, and those of the cache.
func ExampleCache_Metrics() {
	ctx := context.Background()
	users := must(mlcache.New("users", func(_ context.Context, key string) (User, error) {
		if key != "7" {
			return User{}, mlcache.ErrNotFound
		}
		return User{Name: "Ada"}, nil
	}))
	defer users.Close(ctx)

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.GET("/users/:id", func(c *gin.Context) {
		u, err := users.Get(c.Request.Context(), c.Param("id"))
		switch {
		case errors.Is(err, mlcache.ErrNotFound):
			c.Status(http.StatusNotFound)
		case err != nil:
			c.Status(http.StatusBadGateway)
		default:
			c.JSON(http.StatusOK, u)
		}
	})
	router.GET("/metrics", gin.WrapH(users.Metrics()))
	router.GET("/live/*any", gin.WrapH(users.Dashboard()))

	for _, path := range []string{"/users/7", "/users/7", "/users/8", "/metrics?format=prometheus", "/live/"} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		fmt.Println(path, w.Code)
	}
	fmt.Println(users.Stats().Hits, "hit")
	// Output:
	// /users/7 200
	// /users/7 200
	// /users/8 404
	// /metrics?format=prometheus 200
	// /live/ 200
	// 1 hit
}
