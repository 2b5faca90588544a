package mlcache_test

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestAnOptionThatIsOutOfRangeIsAnErrorThatNamesIt(t *testing.T) {
	for want, option := range map[string]mlcache.Option{
		`Redis(): there is no URL`:                mlcache.Redis(""),
		`RedisTimeout(0s): must be at least 1ms`:  mlcache.RedisTimeout(0),
		`Dir(): there is no path`:                 mlcache.Dir(""),
		`On(a Shared): it is nil`:                 mlcache.On(nil),
		`TTL(0s): must be at least 1ms`:           mlcache.TTL(0),
		`TTLJitter(1): must be in [0, 1)`:         mlcache.TTLJitter(1),
		`TTLJitter(NaN): must be in [0, 1)`:       mlcache.TTLJitter(math.NaN()),
		`NegativeTTL(-1s): must not be negative`:  mlcache.NegativeTTL(-time.Second),
		`L1TTL(-1s): must not`:                    mlcache.L1TTL(-time.Second),
		`Memory(-1, 5): must not be negative`:     mlcache.Memory(-1, 5),
		`Memory(5, -1): must not be negative`:     mlcache.Memory(5, -1),
		`StaleIfError(-1s): must not`:             mlcache.StaleIfError(-time.Second),
		`StaleWhileRevalidate(-1s): must not`:     mlcache.StaleWhileRevalidate(-time.Second),
		`SoftTimeout(-1s): must not`:              mlcache.SoftTimeout(-time.Second),
		`RefreshAhead(-1): must not`:              mlcache.RefreshAhead(-1),
		`RefreshAhead(NaN): must not`:             mlcache.RefreshAhead(math.NaN()),
		`RefreshAhead(+Inf): must not`:            mlcache.RefreshAhead(math.Inf(1)),
		`FailureCooldown(-1s): must not`:          mlcache.FailureCooldown(-time.Second),
		`LoadTimeout(0s): must be at least 1ms`:   mlcache.LoadTimeout(0),
		`s): is too long`:                         mlcache.LoadTimeout(math.MaxInt64),
		`LoadConcurrency(0): must be from 1`:      mlcache.LoadConcurrency(0),
		`): must be from 1 to 1048576`:            mlcache.LoadConcurrency(math.MaxInt),
		`MaxValueBytes(0): must be from 1`:        mlcache.MaxValueBytes(0),
		`MaxValueBytes(67108865): must be from 1`: mlcache.MaxValueBytes(64<<20 + 1),
		`Batch(0, 1ms): takes at least one key`:   mlcache.Batch(0, time.Millisecond),
		`Batch(1, -1ns): takes at least one key`:  mlcache.Batch(1, -1),
		`OnLoad(a function): it is nil`:           mlcache.OnLoad(nil),
		`OnEvict(a function): it is nil`:          mlcache.OnEvict(nil),
		`OnInvalidate(a function): it is nil`:     mlcache.OnInvalidate(nil),
		`mlcache: an Option is empty`:             {},
		`Codec has no Encode or no Decode`:        mlcache.Codec(mlcache.Encoding[product]{}),
		`Codec is a mlcache.Encoding[string]`:     mlcache.Codec(mlcache.Raw[string]()),
		`redis`:                                   mlcache.Redis("http://localhost"),
		`data directory "/dev/null"`:              mlcache.Dir("/dev/null"),
	} {
		c, err := mlcache.NewBatch("products", func(context.Context, []string) (map[string]product, error) { return nil, nil }, option)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "mlcache: ")
		require.Nil(t, c)
	}
}

func TestTwoOptionsThatContradictEachOtherAreAnErrorThatNamesBoth(t *testing.T) {
	shared, err := mlcache.Connect()
	require.NoError(t, err)
	defer func() { require.NoError(t, shared.Close()) }()
	f := func(mlcache.Event) {}
	for _, c := range []struct{ names, options []any }{
		{[]any{"TTL(1m0s)", "TTL(2m0s)"}, []any{mlcache.TTL(time.Minute), mlcache.TTL(2 * time.Minute)}},
		{[]any{"Memory(1, 2)", "Memory(1, 3)"}, []any{mlcache.Memory(1, 2), mlcache.Memory(1, 3)}},
		{[]any{"Redis(redis://:xxxxx@a)", "On(a Shared)"}, []any{mlcache.Redis("redis://:secret@a"), mlcache.On(shared)}},
		{[]any{"Dir(d)", "On(a Shared)"}, []any{mlcache.Dir("d"), mlcache.On(shared)}},
		{[]any{"Redis(redis://a)", "Dir(d)"}, []any{mlcache.Redis("redis://a"), mlcache.Dir("d")}},
		{[]any{"Redis(redis://a)", "Redis(redis://b)"}, []any{mlcache.Redis("redis://a"), mlcache.Redis("redis://b")}},
		{[]any{"Redis(redis://:xxxxx@a)"}, []any{mlcache.Redis("redis://:secret@a"), mlcache.Redis("redis://:other@a")}},
		{[]any{"OnLoad(a function)"}, []any{mlcache.OnLoad(f), mlcache.OnLoad(f)}},
		{[]any{"Codec("}, []any{mlcache.Codec(mlcache.JSON[product]()), mlcache.Codec(mlcache.JSON[product]())}},
		{[]any{"Logger(a logger)"}, []any{mlcache.Logger(nil), mlcache.Logger(slog.Default())}},
		{[]any{"RedisTimeout(1s)", "without Redis"}, []any{mlcache.RedisTimeout(time.Second)}},
		{[]any{"RedisTimeout(1s)", "without Redis"}, []any{mlcache.RedisTimeout(time.Second), mlcache.On(shared)}},
	} {
		options := make([]mlcache.Option, len(c.options))
		for i, o := range c.options {
			options[i] = o.(mlcache.Option)
		}
		_, err := mlcache.New("products", new(shop).load, options...)
		for _, name := range c.names {
			require.ErrorContains(t, err, name.(string))
		}
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestAnOptionMayBeGivenTwiceWithTheSameValue(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	c, err := mlcache.New("products", new(shop).load, mlcache.TTL(time.Minute), mlcache.TTL(time.Minute), mlcache.Logger(log), mlcache.Logger(log))
	closed(t, c, err)
}

func TestEachFunctionTakesItsOwnOptions(t *testing.T) {
	ttl, on, batch, dir := mlcache.TTL(time.Minute), mlcache.On(new(mlcache.Shared)), mlcache.Batch(5, 0), mlcache.Dir("d")
	_, err := mlcache.Connect(ttl)
	require.EqualError(t, err, "mlcache: TTL(1m0s) is not an option of Connect")
	_, err = mlcache.Connect(on)
	require.ErrorContains(t, err, "is not an option of Connect")
	_, err = mlcache.New("products", new(shop).load, batch)
	require.EqualError(t, err, "mlcache: Batch(5, 0s) is not an option of New")
	_, err = mlcache.NewFrom[product]("products", source{}, batch)
	require.ErrorContains(t, err, "is not an option of NewFrom")
	for _, o := range []mlcache.Option{on, batch, dir, mlcache.Redis("redis://a")} {
		var said failing
		require.Nil(t, mlcache.Fake(&said, new(shop).load, o))
		require.ErrorContains(t, said.err, "is not an option of Fake")
	}
}

type source struct{ ports.Source }

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	_, err := mlcache.New("a:b", new(shop).load, mlcache.TTL(0), mlcache.LoadConcurrency(0), mlcache.Batch(1, 0))
	for _, want := range []string{`"a:b"`, "TTL(0s)", "LoadConcurrency(0)", "Batch(1, 0s)"} {
		require.ErrorContains(t, err, want)
	}
}

func TestNamesThatCouldBeTakenForOthersAreRefused(t *testing.T) {
	for _, name := range []string{"", "a:b", "a{b", "a}b", "a\x00b", "a\nb", "a\x1fb", "a\xff", strings.Repeat("n", 101)} {
		_, err := mlcache.New(name, new(shop).load)
		require.ErrorContains(t, err, "name", "%q", name)
	}
	for _, name := range []string{"a", "a/b", "a b", "ä", strings.Repeat("n", 100)} {
		c, err := mlcache.New(name, new(shop).load)
		closed(t, c, err)
	}
}

func TestWithoutAFunctionThereIsNoCache(t *testing.T) {
	_, err := mlcache.New[product]("products", nil)
	require.ErrorContains(t, err, "no function or source")
	_, err = mlcache.NewBatch[product]("products", nil)
	require.ErrorContains(t, err, "no function or source")
	_, err = mlcache.NewFrom[product]("products", nil)
	require.ErrorContains(t, err, "no function or source")
	var said failing
	require.Nil(t, mlcache.Fake[product](&said, nil))
	require.ErrorContains(t, said.err, "no function or source")
}
