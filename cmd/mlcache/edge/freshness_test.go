package edge

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	authorized = "Authorization: Bearer " + token
	reload     = "Cache-Control: no-cache"
)

// cacheStatus gets a key and returns what Cache-Status says of it, after the name.
func (p *program) cacheStatus(key string, lines ...string) string {
	p.t.Helper()
	got := p.get("/data/"+key, lines...)
	require.Equal(p.t, http.StatusOK, got.status, got.body)
	require.Equal(p.t, "body", got.body)
	return strings.TrimPrefix(got.header.Get("Cache-Status"), "mlcache; ")
}

// confirming is an origin that says these lines of each value, by its key, and
// confirms the value when its entity tag is sent.
func confirming(t *testing.T, lines map[string]string) (o *origin, confirmed *atomic.Int32) {
	confirmed = new(atomic.Int32)
	return newOriginWith(t, func(r *http.Request) string {
		said := lines[strings.TrimPrefix(r.RequestURI, "/data/")]
		if r.Header.Get("If-None-Match") == `"v"` {
			confirmed.Add(1)
			return "HTTP/1.1 304 Not Modified\r\n" + said + "\r\n\r\n"
		}
		return answered(200, "body", `ETag: "v"`, said)
	}), confirmed
}

func TestAReloadOfWhatDidNotChangeIsA304(t *testing.T) {
	t.Parallel()
	o, confirmed := confirming(t, map[string]string{"k": "Cache-Control: max-age=20"})
	p := o.before(t)
	require.Contains(t, p.cacheStatus("k"), "fwd=uri-miss; fwd-status=200; stored; ")
	for n := range int32(3) {
		got := p.get("/data/k", reload, authorized)
		require.Equal(t, "body", got.body)
		require.Contains(t, got.header.Get("Cache-Status"), "mlcache; fwd=request; fwd-status=304; stored; ")
		require.Equal(t, 20, wholeTTL(t, got))
		require.Equal(t, n+1, confirmed.Load())
	}
	require.EqualValues(t, 4, o.asked.Load())
	require.Equal(t, 4, p.metric("cache_misses"))
}

func TestTheSettingDecidesWhatCountsOfWhatTheSourceSays(t *testing.T) {
	t.Parallel()
	said := map[string]string{
		"nothing": "X: y", "short": "Cache-Control: max-age=300", "long": "Cache-Control: max-age=3600",
		"shared": "Cache-Control: max-age=3600, s-maxage=300", "expired": "Cache-Control: max-age=300\r\nAge: 300",
		"no-cache": "Cache-Control: no-cache", "no-store": "Cache-Control: no-store", "private": "Cache-Control: private, max-age=300",
	}
	const configured = 600
	for setting, ttls := range map[string]map[string]int{
		"":       {"nothing": configured, "short": 300, "long": configured, "shared": 300},
		"follow": {"nothing": configured, "short": 300, "long": 3600, "shared": 300},
		"ignore": {
			"nothing": configured, "short": configured, "long": configured, "shared": configured,
			"expired": configured, "no-cache": configured, "no-store": configured, "private": configured,
		},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			o, _ := confirming(t, said)
			p := o.before(t, "MLCACHE_TTL=600s", "MLCACHE_SOURCE_FRESHNESS="+setting)
			for key := range said {
				p.cacheStatus(key)
				again := p.get("/data/" + key)
				status := again.header.Get("Cache-Status")
				if want := ttls[key]; want > 0 {
					require.Contains(t, status, "; hit; ", key)
					require.Equal(t, want, wholeTTL(t, again), key)
					continue
				}
				confirmed := "fwd=stale; fwd-status=304"
				if key == "no-store" || key == "private" {
					confirmed = "fwd=uri-miss; fwd-status=200"
				}
				require.Regexp(t, "^mlcache; "+confirmed+"; ttl=(0|-1); detail=source$", status, key)
			}
		})
	}
}

// wholeTTL returns the TTL that the value of an answer was given.
func wholeTTL(t *testing.T, a answer) int {
	t.Helper()
	_, remaining, _ := strings.Cut(a.header.Get("Cache-Status"), "ttl=")
	remaining, _, _ = strings.Cut(remaining, ";")
	ttl, err := strconv.Atoi(remaining)
	require.NoError(t, err)
	age, err := strconv.Atoi(a.header.Get("Age"))
	require.NoError(t, err)
	return age + ttl
}

func TestAValueWithTagsThatCannotBeKeptIsNotStored(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"cap", "ignore"} {
		o, _ := confirming(t, map[string]string{"good": "Surrogate-Key: b a", "bad": "Surrogate-Key: a " + strings.Repeat("x", 129)})
		p := o.before(t, "MLCACHE_SOURCE_FRESHNESS="+setting)
		require.Contains(t, p.cacheStatus("good"), "; stored; ")
		require.Contains(t, p.get("/explain/good").body, `"tags":["a","b"]`)
		for range 2 {
			require.Regexp(t, "^fwd=uri-miss; fwd-status=200; ttl=(0|-1); detail=source$", p.cacheStatus("bad"))
		}
		require.Contains(t, p.log.String(), `msg="not stored, because the source gave it tags that cannot be kept" key=bad err="invalid tag: 129 bytes, 1 to 128 allowed"`)
	}
}

func TestAWrittenValueHasItsTagsAndVersionInEveryLayer(t *testing.T) {
	t.Parallel()
	p := start(t)
	written := p.do(http.MethodPut, "/data/k", "body", authorized, "Content-Type: text/plain", "Surrogate-Key: shoes brand:9", "Version: 7")
	require.Equal(t, http.StatusNoContent, written.status, written.body)
	require.Contains(t, p.cacheStatus("k"), "hit; ")
	require.Equal(t, 2, strings.Count(p.get("/explain/k").body, `"tags":["brand:9","shoes"],"version":7}`))
	requireProblem(t, p.do(http.MethodPut, "/data/k", "other", authorized, "Content-Type: text/plain", "Version: 0"), 400, "invalid-version")
	p.cacheStatus("k")
}
