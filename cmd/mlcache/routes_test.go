package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
)

// routesOf writes a file of routes and returns its name.
func routesOf(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}

func readRoutes(t *testing.T, file string, flags ...string) ([]routeConfig, error) {
	t.Helper()
	c, _, err := parse(append([]string{"--routes=" + file}, flags...), io.Discard)
	require.NoError(t, err)
	return newRoutes(c.Config)
}

func TestARouteHasItsOwnSettingsAndElseThoseOfTheProgram(t *testing.T) {
	t.Setenv("SHOP_DSN", "sqlite:/tmp/shop.db?x=#1: y")
	t.Setenv("HOST", "rates.example")
	t.Setenv("RATES_TOKEN", "reads-rates\n")
	routes, err := readRoutes(t, routesOf(t, `
# three kinds of things
routes:
  - prefix: "product:"
    name: products
    source:
      type: sql
      dsn: "${SHOP_DSN}"
      query: >-
        SELECT id AS _key, name
        FROM products WHERE id = ANY(:keys)
      batch: 50
      batch_wait: 5ms
    ttl: 5m
    ttl_jitter: 0.1
    l1_ttl: 10s
    soft_timeout: 100ms
    source_concurrency: 20
    source_limit: adaptive
    max_value_bytes: 2MiB
  - prefix: rates/
    source: {type: http, url: "https://${HOST}/v1/{key}"}
    stale_if_error: 1h
    stale_while_revalidate: 10s
    negative_ttl: 0s
    refresh_ahead: 0
    failure_cooldown: 2s
    source_timeout: 3s
    freshness: follow
    l2_stale: 1m
    read_token: " ${RATES_TOKEN}"
  - source: {delay: 1ms}
`), "--ttl=7s", "--negative-ttl=3s", "--read-token=reader")
	require.NoError(t, err)
	require.Len(t, routes, 3)

	require.Equal(t, []httpapi.ReadToken{{Prefix: "product:", Token: "reader"}, {Prefix: "rates/", Token: "reads-rates"}, {Token: "reader"}},
		access(Config{}, routes).ReadTokens)

	products := routes[0]
	require.Equal(t, []string{"products", "product:"}, []string{products.name, products.prefix})
	require.Equal(t, "sql", products.Source)
	require.Equal(t, "sqlite:/tmp/shop.db?x=#1: y", string(products.SourceDSN), "a variable is not read as YAML")
	require.Equal(t, "SELECT id AS _key, name FROM products WHERE id = ANY(:keys)", products.SourceQuery)
	require.Equal(t, 50, products.SourceBatch)
	require.Equal(t, 5*time.Millisecond, products.SourceBatchWait)
	require.Equal(t, 5*time.Minute, products.TTL)
	require.InDelta(t, 0.1, products.TTLJitter, 0)
	require.Equal(t, 3*time.Second, products.NegativeTTL, "the program's")
	o := appOptions(products.Config)
	require.Equal(t, 10*time.Second, o.L1TTL)
	require.Equal(t, 100*time.Millisecond, o.SoftTimeout)
	require.Equal(t, 20, o.SourceConcurrency)
	require.True(t, o.AdaptiveLimit)
	require.False(t, appOptions(routes[1].Config).AdaptiveLimit)
	require.Equal(t, 2<<20, o.MaxValueBytes)
	require.EqualValues(t, 2<<20, maxValueBytes(routes))

	rates := routes[1]
	require.Equal(t, []string{"rates/", "rates/"}, []string{rates.name, rates.prefix})
	require.Equal(t, "http", rates.Source, "the URL says so")
	require.Equal(t, "https://rates.example/v1/{key}", string(rates.SourceURL))
	require.Equal(t, 7*time.Second, rates.TTL)
	require.Equal(t, []time.Duration{time.Hour, 10 * time.Second, 0, 2 * time.Second, 3 * time.Second, time.Minute},
		[]time.Duration{rates.StaleIfError, rates.StaleWhile, rates.NegativeTTL, rates.FailureCooldown, rates.SourceTimeout, rates.L2Stale})
	require.Zero(t, rates.RefreshAhead)
	require.Equal(t, "follow", rates.SourceFreshness)
	require.Equal(t, time.Hour, keepStale(routes), "L1 keeps them for the one that wants that longest")

	rest := routes[2]
	require.Equal(t, []string{"default", ""}, []string{rest.name, rest.prefix})
	require.Equal(t, "oracle", rest.Source)
	require.Equal(t, time.Millisecond, rest.OracleDelay)
}

func TestAWrongFileOfRoutesIsOneLineWithThePlaceAndWhatIsAllowed(t *testing.T) {
	t.Setenv("SECRET_DSN", "mssql://u:hunter2@db")
	t.Setenv("EMPTY", "")
	const oracle = "\n    source: {type: oracle}"
	for text, want := range map[string]string{
		"":                      "want one document",
		"routes: []":            ":1: routes is not allowed here, want routes and a list",
		"rotes:\n  - prefix: a": ":2: rotes is not allowed here",
		"routes:\n - {":         "it is not YAML",
		"routes:\n  - name: a\n    ttl:\n    source: {type: oracle}": ":3: want a text or a number",
		"routes:\n  - 7":                                                            ":2: want settings such as ttl: 30s",
		"routes:\n  - prefix: a":                                                    ":2: the route has no source",
		"routes:\n  - prefix: [a]":                                                  ":2: want a text or a number",
		"routes:\n  - name: a\n    tll: 3s" + oracle:                                `:3: "tll" is not a setting here, did you mean ttl?`,
		"routes:\n  - name: a\n    ttl: soon" + oracle:                              `:3: ttl: "soon" is not allowed, want a duration such as`,
		"routes:\n  - name: a\n    ttl_jitter: x" + oracle:                          `:3: ttl_jitter: "x" is not allowed, want a number`,
		"routes:\n  - name: a\n    source_concurrency: x" + oracle:                  `:3: source_concurrency: "x" is not allowed, want a whole number`,
		"routes:\n  - name: a\n    source_limit: x" + oracle:                        `:3: source_limit: "x" is not allowed, want fixed or adaptive`,
		"routes:\n  - name: a\n\n    ttl: 0s" + oracle:                              `:4: ttl: "0s" is not allowed, want a duration of at least 1ms`,
		"routes:\n  - name: a\n    source:\n      type: mysql":                      `:4: source type: "mysql" is not allowed, want oracle or http or sql`,
		"routes:\n  - name: a\n    source:\n      quarry: x":                        `:4: "quarry" is not a setting here, did you mean query?`,
		"routes:\n  - name: a\n    source: {type: http}":                            `source url: "" is not allowed, want a URL with {key}`,
		"routes:\n  - name: a\n    source: {type: routes}":                          `source type: "routes" is not allowed`,
		"routes:\n  - prefix: a" + oracle + "\n  - prefix: a" + oracle:              `:4: the prefix "a" has a route already`,
		"routes:\n  - prefix: a" + oracle + "\n  - prefix: b\n    name: a" + oracle: `:4: the name "a" has a route already`,
		"routes:\n  - name: a\n    source: {dsn: \"${NO_SUCH_VARIABLE}\"}":          ":3: the environment has no variable NO_SUCH_VARIABLE",
		"routes:\n  - name: a\n    read_token: \"${EMPTY}\"" + oracle:               ":3: read_token: the token is blank",
		"routes:\n  - name: a\n    read_token: hunter2 x" + oracle:                  ":3: read_token: the token has white space",
		"routes:\n  - name: a\n    source: {type: oracle, dsn: \"${SECRET_DSN}\"}":  ":3: source type:",
	} {
		file := routesOf(t, text)
		_, err := readRoutes(t, file)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, file, text)
		require.NotContains(t, err.Error(), "\n", text)
		require.NotContains(t, err.Error(), "hunter2", text)
	}
	_, err := readRoutes(t, filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, "MLCACHE_ROUTES (--routes)")
	_, _, err = parse([]string{"--routes=x", "--source=oracle"}, io.Discard)
	require.ErrorContains(t, err, "MLCACHE_ROUTES (--routes): is not allowed with MLCACHE_SOURCE")
	_, _, err = parse([]string{"--source=routes"}, io.Discard)
	require.ErrorContains(t, err, "want oracle or http or sql")
}

func TestASourceThatCannotBeOpenedIsNamedByItsPlace(t *testing.T) {
	routes, err := readRoutes(t, routesOf(t, "routes:", "  - name: shop", "    source: {dsn: \"mssql://u:hunter2@db\", query: \"SELECT :key\"}"))
	require.NoError(t, err)
	_, _, err = newSources(routes, counters.New(), nil, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "routes.yaml:2: the source of shop: ")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestTheProgramServesEachRouteFromItsSource(t *testing.T) {
	t.Parallel()
	in := start(t, "--routes="+routesOf(t, `
routes:
  - {prefix: "product:", name: products, source: {dsn: "`+shop(t)+`", query: "SELECT name FROM products WHERE id = :key"}}
  - {prefix: "slow/", name: slow, ttl: 2h, source: {delay: 1ms}}
`), "--token=a-token-of-some-length")
	require.Equal(t, "Pot", in.mustGet("/data/product:7").body)
	require.JSONEq(t, `{"key":"7","value":"Data for 7 from Oracle"}`, in.mustGet("/data/slow/7").body)
	require.Equal(t, http.StatusNotFound, in.mustGet("/data/7").status)
	require.Contains(t, in.mustGet("/data/7").body, "urn:mlcache:no-route")
	require.Contains(t, in.mustGet("/explain/product:7").body, `"route":"products"`)
	require.Contains(t, in.mustGet("/health").body, `"source":"routes"`)
	require.Contains(t, in.mustGet("/health").body, `"routes":{"products":"ok","slow":"ok"}`)
	var counted monitor.Metrics
	require.NoError(t, json.Unmarshal([]byte(in.mustGet("/metrics").body), &counted))
	require.EqualValues(t, 1, counted.Routes["products"].CacheMisses)
	require.EqualValues(t, 2, counted.CacheMisses)
	require.Contains(t, in.mustGet("/metrics?format=prometheus").body, `mlcache_source_calls_total{route="slow"} 1`)
}
