package edge

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// noRedis is the address of a server that is not there.
const noRedis = "MLCACHE_REDIS_URL=redis://127.0.0.1:1"

func TestAnInstanceIsNotReadyWhileItFillsItsMemory(t *testing.T) {
	t.Parallel()
	p := start(t, noRedis, "MLCACHE_WARM_TIMEOUT=1h", "MLCACHE_ORACLE_DELAY=0")
	eventually(t, "it says that it is warming", func() bool {
		got := p.get("/ready")
		require.Equal(t, http.StatusServiceUnavailable, got.status)
		return strings.Contains(got.body, "urn:mlcache:warming")
	})
	require.Equal(t, http.StatusOK, p.get("/data/k").status, "it serves all the same")
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
}

func TestARedisThatIsAwayEndsTheWarmUpInTime(t *testing.T) {
	t.Parallel()
	p := start(t, noRedis, "MLCACHE_WARM_TIMEOUT=300ms")
	eventually(t, "it is ready", func() bool { return p.get("/ready").status == http.StatusOK })
	const line = `msg="not all hot keys are in memory" keys=0 of=0`
	eventually(t, "it says so", func() bool { return strings.Contains(p.log.String(), line) })
	require.Equal(t, 1, strings.Count(p.log.String(), "hot keys"), p.log)
}

func TestHotKeysAndKeysThatAreLoadedAheadOfRequests(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_ORACLE_DELAY=0", "MLCACHE_ADMIN_ADDR=127.0.0.1:0")
	admin := p.admin()
	require.Equal(t, http.StatusNotFound, p.get("/hot", authorized).status)
	require.Equal(t, http.StatusUnauthorized, admin.get("/hot").status)

	got := admin.do(http.MethodPost, "/warm", `{"keys":["a","b"]}`, authorized, "Content-Type: application/json")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.JSONEq(t, `{"keys":2,"held":0,"loaded":2,"failed":0,"skipped":0}`, got.body)
	for _, key := range []string{"b", "a", "a"} {
		require.Contains(t, p.get("/data/"+key).header.Get("Cache-Status"), "detail=l1")
	}
	var hot struct {
		Routes []struct{ Keys []struct{ Key string } }
	}
	require.NoError(t, json.Unmarshal([]byte(admin.get("/hot?n=1", authorized).body), &hot))
	require.Equal(t, "a", hot.Routes[0].Keys[0].Key)
}
