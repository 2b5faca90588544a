package prometheus_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/prometheus"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// numbers are what the test says they are.
type numbers struct {
	counts  ports.Counts
	l1      ports.L1Stats
	now     ports.Activity
	breaker string
	answers []ports.RouteDurations
}

func (n *numbers) Snapshot() ports.Counts            { return n.counts }
func (n *numbers) Stats() ports.L1Stats              { return n.l1 }
func (n *numbers) Activity() ports.Activity          { return n.now }
func (n *numbers) Breaker() string                   { return n.breaker }
func (n *numbers) Durations() []ports.RouteDurations { return n.answers }

func (n *numbers) scrape(t *testing.T, accept string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	prometheus.Handler(prometheus.Parts{Counter: n, L1: n, Activity: n, L2: n, Answers: n}, "v9").ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

func sample() *numbers {
	n := &numbers{
		l1:      ports.L1Stats{Entries: 7, Bytes: 700, EvictedForEntries: 31, EvictedForBytes: 32, EvictedExpired: 33},
		now:     ports.Activity{SourceCalls: 41, SourceSlots: 42, Overdue: 49, Calls: 43, Refreshes: 44, Waiting: 45, Subscribed: true, PurgedTags: 46, Inspected: &ports.Inspected{Total: 48, Volatile: 49, Inconsistent: []ports.Inconsistent{{After: time.Minute, Total: 50}}}, Changes: &ports.ChangeActivity{Up: true, Leads: true, Behind: 1500 * time.Millisecond, Retained: 47}},
		breaker: "half-open",
	}
	for o := range n.counts.Requests {
		n.counts.Requests[o] = uint64(100 + o)
	}
	for e := range n.counts.Events {
		n.counts.Events[e] = uint64(200 + e)
	}
	n.counts.SourceTook.Counts[0], n.counts.SourceTook.Counts[len(ports.Bounds)] = 2, 3
	n.counts.SourceTook.Sum = 90 * time.Second
	d := ports.RouteDurations{Route: "/data/*key", Status: 200}
	d.Counts[1], d.Sum = 5, time.Millisecond
	n.answers = []ports.RouteDurations{d}
	return n
}

func TestEachNumberIsShownUnderItsName(t *testing.T) {
	text := sample().scrape(t, "text/plain")
	for o := range domain.Outcome(domain.Outcomes) {
		require.Contains(t, text, "mlcache_requests_total{outcome=\""+o.String()+"\"} 10"+string(rune('0'+o))+"\n")
	}
	for _, line := range []string{
		"mlcache_source_calls_total 200", "mlcache_source_failures_total 201", "mlcache_l2_failures_total 202", "mlcache_l2_undecodable_total 203",
		`mlcache_leases_total{outcome="unavailable"} 204`, `mlcache_leases_total{outcome="won"} 205`, `mlcache_leases_total{outcome="waited"} 206`,
		`mlcache_leases_total{outcome="lost"} 207`, "mlcache_refreshes_total 208", "mlcache_bus_changes_total 209", "mlcache_bus_gaps_total 210",
		`mlcache_source_duration_seconds_bucket{le="1e-05"} 2`, `mlcache_source_duration_seconds_bucket{le="10"} 2`, `mlcache_source_duration_seconds_bucket{le="+Inf"} 5`,
		"mlcache_source_duration_seconds_sum 90", "mlcache_source_duration_seconds_count 5",
		`mlcache_l1_evictions_total{cause="entries"} 31`, `mlcache_l1_evictions_total{cause="bytes"} 32`, `mlcache_l1_evictions_total{cause="expired"} 33`,
		"mlcache_l1_entries 7", "mlcache_l1_bytes 700",
		"mlcache_source_calls_in_flight 41", "mlcache_source_calls_limit 42", "mlcache_source_calls_overdue 49", `mlcache_loads_in_flight{for="requests"} 43`, `mlcache_loads_in_flight{for="refresh"} 44`,
		"mlcache_waiting_requests 45", "mlcache_l2_up 0", "mlcache_bus_up 1",
		"mlcache_purged_tags 46", "mlcache_changes_up 1", "mlcache_changes_leader 1", "mlcache_changes_behind_seconds 1.5", "mlcache_changes_retained_bytes 47",
		"mlcache_inspected_total 48", "mlcache_inspected_volatile_total 49", `mlcache_inconsistent_total{after="1m0s"} 50`,
		`mlcache_l2_breaker_state{state="closed"} 0`, `mlcache_l2_breaker_state{state="half-open"} 1`, `mlcache_l2_breaker_state{state="open"} 0`,
		`mlcache_http_request_duration_seconds_bucket{route="/data/*key",status="200",le="1e-05"} 0`,
		`mlcache_http_request_duration_seconds_bucket{route="/data/*key",status="200",le="2.5e-05"} 5`,
		`mlcache_build_info{version="v9"} 1`,
	} {
		require.Contains(t, text, "\n"+line+"\n")
	}
	require.Contains(t, text, "\ngo_goroutines ")
}

func TestOpenMetricsIsAnsweredWhenItIsAskedFor(t *testing.T) {
	text := sample().scrape(t, "application/openmetrics-text;version=1.0.0")
	require.True(t, strings.HasSuffix(text, "# EOF\n"))
	require.Contains(t, text, "\n# TYPE mlcache_source_calls counter\n")
}

func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(sample().scrape(t, "text/plain"))).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestTheDashboardsAskForMetricsThatThereAre(t *testing.T) {
	dashboard, err := os.ReadFile("../../docs/observe/grafana/mlcache.json")
	require.NoError(t, err)
	require.True(t, json.Valid(dashboard))
	document, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	alerts, err := os.ReadFile("../../docs/observe/alerts.yml")
	require.NoError(t, err)
	text := sample().scrape(t, "text/plain")
	names := regexp.MustCompile(`mlcache_[a-z0-9_]+`)
	known := map[string]bool{}
	for _, name := range names.FindAllString(text, -1) {
		known[name] = true
	}
	for _, asked := range [][]byte{dashboard, document, alerts} {
		found := names.FindAllString(string(asked), -1)
		require.Greater(t, len(found), 10)
		for _, name := range found {
			require.True(t, known[name], "there is no %s", name)
		}
	}
	for name := range known {
		family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		require.Contains(t, string(document), family, "it is not documented")
	}
}

func TestPromtoolHasNothingToSay(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has promtool")
		t.Skip("NOT TESTED: no promtool (Debian: apt-get install prometheus)")
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(sample().scrape(t, "text/plain"))
	out, err := check.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, string(out))
}

func TestWhatRoutesHaveIsShownForEachOfThem(t *testing.T) {
	n := sample()
	n.counts.Routes = []ports.RouteCounts{{Name: "a", Counts: n.counts}, {Name: "b"}}
	n.now.Routes = []ports.RouteActivity{{Name: "a", Activity: n.now}, {Name: "b"}}
	text := n.scrape(t, "text/plain")
	for _, line := range []string{
		`mlcache_requests_total{outcome="l1_hit",route="a"} 100`, `mlcache_requests_total{outcome="l1_hit",route="b"} 0`,
		`mlcache_source_calls_total{route="a"} 200`, `mlcache_leases_total{outcome="won",route="a"} 205`,
		`mlcache_source_duration_seconds_count{route="a"} 5`, `mlcache_source_duration_seconds_count{route="b"} 0`,
		`mlcache_source_calls_in_flight{route="a"} 41`, `mlcache_loads_in_flight{for="refresh",route="a"} 44`, `mlcache_waiting_requests{route="b"} 0`,
		"mlcache_l2_failures_total 202", "mlcache_bus_gaps_total 210",
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, `mlcache_requests_total{outcome="l1_hit"}`, "a sum over the routes would count twice")
}
