package mlcache

import (
	"context"
	"log/slog"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Testing is what Fake needs of a test: *testing.T has it.
type Testing interface {
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// fakePatience is how long the end of a test waits for loads that ignore their end.
const fakePatience = 10 * time.Second

// Fake returns a cache for a test, which closes it at its end and fails if that is not
// possible. It does all that a cache does, in memory: no Redis, no disk, no logger, and
// no values reloaded at random before they expire. In a bubble of testing/synctest its
// time is the bubble's. It takes the options of New but those of the second layer.
func Fake[V any](t Testing, load func(ctx context.Context, key string) (V, error), options ...Option) *Cache[V] {
	quiet := defaults()
	quiet.app.RefreshAhead, quiet.tick, quiet.log = 0, 0, slog.New(slog.DiscardHandler)
	s, err := settle(byFake, quiet, options)
	if err == nil && load == nil {
		err = errNoLoader
	}
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	c, err := build("fake", s, func(e Encoding[V], _ *settings) ports.Source { return loader[V]{load, e} })
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), fakePatience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Fatalf("%v", err)
		}
	})
	return c
}
