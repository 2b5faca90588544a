package redis

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestAWakeUpWithNothingToTellIsTheKeyAlone(t *testing.T) {
	key, lease := parse(t, "a b/{c}"), ports.Lease{Token: "id/token@1"}
	require.Equal(t, "a b/{c}", wakeUpFor(key, lease, ports.Ending{}))
	require.Equal(t, wakeUp{key: "a b/{c}"}, parseWakeUp("a b/{c}"))
}

func TestWakeUpsTellEndings(t *testing.T) {
	key, lease := parse(t, "k"), ports.Lease{Token: "id/token@1"}
	text := domain.NewEntry(domain.Value{Body: "a\x00b\x00", ContentType: "text/plain"}, 0, 0)
	for message, ending := range map[string]ports.Ending{
		"k\x00id/token@1\x00timeout":                                       {Failure: domain.ErrTimeout},
		"k\x00id/token@1\x00failed":                                        {Failure: domain.ErrSourceFailed},
		"k\x00id/token@1\x00\x00":                                          {Unshared: true},
		"k\x00id/token@1\x00\x00mlc\x01\x01\x00\x00\x00\x00\x00":           {Entry: domain.NewMissing(0, 0)},
		"k\x00id/token@1\x00\x00" + string(domain.AppendStored(nil, text)): {Entry: text},
	} {
		require.Equal(t, message, wakeUpFor(key, lease, ending))
		require.Equal(t, wakeUp{key: "k", lease: lease.Token, ending: ending}, parseWakeUp(message))
	}
}

// Later versions may know more kinds of failures and another stored form.
func TestWakeUpsOfLaterVersionsAreUnderstoodAsFarAsPossible(t *testing.T) {
	for message, want := range map[string]wakeUp{
		"k\x00l\x00thirsty":         {"k", "l", ports.Ending{Failure: domain.ErrSourceFailed}},
		"k\x00l\x00\x00mlc\x02more": {"k", "l", ports.Ending{Unshared: true}},
		"k\x00l":                    {"k", "l", ports.Ending{}},
		"":                          {},
	} {
		require.Equal(t, want, parseWakeUp(message))
	}
}

func FuzzParseWakeUp(f *testing.F) {
	f.Add("k\x00l\x00\x00mlc\x01\x01\x00\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, message string) {
		w := parseWakeUp(message)
		require.True(t, strings.HasPrefix(message, w.key))
		require.NotContains(t, w.key+w.lease, nul)
	})
}

// A message can be late. What a load before came to says nothing of this one.
func TestAWaiterIsNotToldTheEndingOfALeaseBefore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	here, there := join(t, proxy.URL()), join(t, server.URL())
	key := parse(t, "k")
	lease, err := there.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	first := waitFor(t, here.instance, key)
	late := proxy.HoldMessage("k\x00")
	require.NoError(t, there.locker.Release(t.Context(), key, lease, ports.Ending{Failure: domain.ErrTimeout}))
	awaitClosed(t, late.Begun)
	_, err = there.locker.Acquire(t.Context(), key)
	require.NoError(t, err)
	second := waitFor(t, here.instance, key)
	late.Deliver()
	<-first
	require.Zero(t, <-second, "it looks again")
}
