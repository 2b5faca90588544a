//go:build measure

// What "make measure-fleet" runs of this package: bursts within a budget of real time,
// which a machine that does much else does not keep.

package redis

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// networkOf is the environment variable by which a test process is a network.
const networkOf = "MLCACHE_TEST_NETWORK_OF"

// TestNetworkProcess is the network in front of an address, when it is started as such.
func TestMeasureNetworkProcess(t *testing.T) {
	if target := os.Getenv(networkOf); target != "" {
		proxy := redistest.StartProxy(t, target)
		proxy.Become(redistest.Network{RTT: 20 * time.Millisecond, Jitter: 0.2, Seed: 1})
		fmt.Println(proxy.URL())
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends it
	}
}

// farAway returns the URL of a server 20 ms away. The network is a process of its own:
// it must not wait until a burst of goroutines leaves it the processor.
func farAway(t *testing.T, server *redistest.Server) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMeasureNetworkProcess$")
	cmd.Env = append(os.Environ(), networkOf+"="+server.Addr())
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	url, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return strings.TrimSpace(url)
}

// atOnce has call done for 10,000 keys at once, with a budget of 60 ms. Redis takes
// longer than that for all of it.
func atOnce(t *testing.T, url string, call func(instance, domain.Key) error) {
	t.Helper()
	o := options(url)
	o.Timeout = 60 * time.Millisecond
	in := instanceOf(t, o, times)
	keys := make([]domain.Key, 10_000)
	for i := range keys {
		keys[i] = parse(t, fmt.Sprint("key ", i))
	}
	eventually(t, "the script is known", func() bool { return call(in, parse(t, "k")) == nil })
	began := time.Now()
	var all sync.WaitGroup
	errs := make(chan error, len(keys))
	for _, key := range keys {
		all.Go(func() { errs <- call(in, key) })
	}
	all.Wait()
	close(errs)
	t.Logf("%d keys in %v", len(keys), time.Since(began))
	failed := make(map[string]int)
	for err := range errs {
		if err != nil {
			failed[err.Error()]++
		}
	}
	require.Empty(t, failed)
}

func TestMeasureTenThousandReadsAtOnce(t *testing.T) {
	get := func(in instance, key domain.Key) error {
		_, _, err := in.store.Get(t.Context(), key)
		return err
	}
	t.Run("loopback", func(t *testing.T) { atOnce(t, redistest.Start(t).URL(), get) })
	t.Run("20 ms", func(t *testing.T) { atOnce(t, farAway(t, redistest.Start(t)), get) })
}

func TestMeasureTenThousandLeasesAtOnce(t *testing.T) {
	atOnce(t, redistest.Start(t).URL(), func(in instance, key domain.Key) error {
		_, err := in.locker.Acquire(t.Context(), key)
		return err
	})
}
