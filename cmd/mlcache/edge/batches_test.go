package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// keys is a batch for n keys that begin with this prefix.
func keys(prefix string, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, i)
	}
	body, _ := json.Marshal(map[string][]string{"keys": names})
	return string(body)
}

func (p *program) batch(body string) answer {
	p.t.Helper()
	return p.do(http.MethodPost, "/batch", body, asJSON)
}

// statuses counts those of the answers of a batch.
func statuses(t *testing.T, a answer) map[int]int {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status)
	var got struct{ Answers []struct{ Status int } }
	require.NoError(t, json.Unmarshal([]byte(a.body), &got))
	counts := map[int]int{}
	for _, one := range got.Answers {
		counts[one.Status]++
	}
	return counts
}

func TestOneKeyAThousandTimesIsAnAnswerOfBoundedSize(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.put("large", strings.Repeat("v", mib))
	body, _ := json.Marshal(map[string][]string{"keys": strings.Split(strings.Repeat("large ", 999)+"large", " ")})
	got := p.batch(string(body))
	require.Less(t, len(got.body), 24*mib) // 16 MiB in base64, and 984 problems
	require.Equal(t, map[int]int{200: 16, 413: 984}, statuses(t, got))
	require.Contains(t, got.body, "urn:mlcache:answer-too-large")
	require.Less(t, p.peak(), 192*mib)
}

func TestABatchOfManyLargeValuesFromL2(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_MAX_BATCH_BYTES=4MiB", "MLCACHE_L1_MAX_ENTRIES=0", "MLCACHE_REDIS_URL="+redistest.Start(t).URL(), "MLCACHE_L2_TIMEOUT=1m")
	for i := range 100 {
		p.put(fmt.Sprint("large", i), strings.Repeat("v", 256<<10))
		p.put(fmt.Sprint("small", i), "v")
	}
	require.Equal(t, map[int]int{200: 16, 413: 84}, statuses(t, p.batch(keys("large", 100))))
	require.Equal(t, map[int]int{200: 100}, statuses(t, p.batch(keys("small", 100))))
	require.Zero(t, p.counted("cache_misses"))
	p.modest()
}

// Readers that do not read hold their batches, and all together a budget.
func TestManyBatchesOfLargeValuesHoldABudget(t *testing.T) {
	t.Parallel()
	p := start(t, "MLCACHE_L1_MAX_BYTES=16MiB", "MLCACHE_REDIS_URL="+redistest.Start(t).URL(), "MLCACHE_L2_TIMEOUT=1m",
		"MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL="+originOf(t, mib)+"/{key}", "MLCACHE_REFRESH_AHEAD=0", "MLCACHE_SOURCE_TIMEOUT=5m")
	for i := range 50 {
		body := keys(fmt.Sprintf("k%d-", i), 1000)
		p.stall(p.head("POST", "/batch", len(body), asJSON) + body)
	}
	eventually(t, "all batches have been answered", func() bool { return p.counted("requests") >= 50_000 })
	require.Less(t, p.peak(), (16+256)*mib)
	require.Equal(t, http.StatusOK, p.get("/data/small").status)
}

func TestAnHonestMissIsAnsweredWhileBatchesLoad(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	var hangs atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "honest") {
			hangs.Add(1)
			select {
			case <-hung:
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(origin.Close)
	t.Cleanup(func() { close(hung) })
	p := start(t, "MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL="+origin.URL+"/{key}", "MLCACHE_SOURCE_CONCURRENCY=8",
		"MLCACHE_SOURCE_TIMEOUT=5m", "MLCACHE_REQUEST_TIMEOUT=10m")
	for i := range 10 {
		body := keys(fmt.Sprintf("k%d-", i), 100)
		p.stall(p.head("POST", "/batch", len(body), asJSON) + body)
	}
	eventually(t, "the batches load", func() bool { return hangs.Load() == 4 })
	for i := range 20 {
		require.Equal(t, http.StatusOK, p.get(fmt.Sprint("/data/honest", i)).status)
	}
	require.EqualValues(t, 4, hangs.Load(), "no more of the batches")
	p.modest()
}
