package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

const (
	// fromProducts is in each statement that reads the table of startProducts.
	fromProducts = "FROM products"
	oneProduct   = "SELECT name, price FROM products WHERE id = :key"
	manyProducts = "SELECT id AS _key, name, price FROM products WHERE id = ANY(:keys)"
)

// startProducts starts a PostgreSQL that has 1,000 products and counts statements.
func startProducts(t *testing.T) *sqltest.Postgres {
	t.Helper()
	server := sqltest.StartPostgres(t, sqltest.LogStatements)
	server.Exec("CREATE TABLE products (id int PRIMARY KEY, name text, price numeric(10, 2))",
		"INSERT INTO products SELECT i, 'name ' || i, i + 0.5 FROM generate_series(1, 1000) i",
		"CHECKPOINT") // so that a crash loses none of it
	return server
}

// product is the value of a key, as the source makes it of the row.
func product(key int) string { return fmt.Sprintf(`{"name":"name %d","price":%d.50}`, key, key) }

// fromPostgres are the flags for it. Only a hang meets the time-out of a request.
func fromPostgres(server *sqltest.Postgres, query string, more ...string) []string {
	return append([]string{"--source-dsn=" + server.DSN(), "--source-query=" + query, "--source-timeout=5m", "--request-timeout=10m", "--refresh-ahead=0"}, more...)
}

// item is what a batch answers for a key.
type item struct {
	Key     string
	Status  int
	Value   json.RawMessage
	Problem struct{ Type string }
}

// batch asks for keys by one request.
func (in *instance) batch(keys ...string) []item {
	in.t.Helper()
	asked, err := json.Marshal(map[string][]string{"keys": keys})
	require.NoError(in.t, err)
	resp, err := in.client.Post(in.base+"/batch", "application/json", strings.NewReader(string(asked)))
	require.NoError(in.t, err)
	defer resp.Body.Close()
	require.Equal(in.t, http.StatusOK, resp.StatusCode)
	var got struct{ Answers []item }
	require.NoError(in.t, json.NewDecoder(resp.Body).Decode(&got))
	require.Len(in.t, got.Answers, len(keys))
	return got.Answers
}

// numbered returns the numbers from first to last as keys.
func numbered(first, last int) (keys []string) {
	for i := first; i <= last; i++ {
		keys = append(keys, strconv.Itoa(i))
	}
	return keys
}

// requireProducts checks that a batch answered for the keys from first on with their rows.
func requireProducts(t *testing.T, items []item, first int) {
	t.Helper()
	for i, got := range items {
		require.Equal(t, strconv.Itoa(first+i), got.Key)
		require.Equal(t, http.StatusOK, got.Status, got.Key)
		require.Equal(t, product(first+i), string(got.Value))
	}
}

// TestPostgreSQLAsTheSource is one test because a server takes long to start.
func TestPostgreSQLAsTheSource(t *testing.T) {
	t.Parallel()
	server := startProducts(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *sqltest.Postgres)
	}{
		{"a thousand cold keys are few statements", postgresBatch},
		{"a key of the wrong type fails alone", postgresWrongKey},
		{"a row that cannot be computed fails alone", postgresBadRow},
		{"a statement that hangs on a lock ends on the server too", postgresLock},
		{"connections are as many as the setting says", postgresConnections},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, server) })
	}
}

func postgresBatch(t *testing.T, server *sqltest.Postgres) {
	in := start(t, fromPostgres(server, manyProducts)...)
	before := server.Logged(fromProducts)
	requireProducts(t, in.batch(numbered(1, 1000)...), 1)
	require.Equal(t, 10, server.Logged(fromProducts)-before, "a hundred keys in each")
	require.EqualValues(t, 10, in.metrics()["cache_misses"])
	requireProducts(t, in.batch(numbered(1, 1000)...), 1)
	require.Equal(t, 10, server.Logged(fromProducts)-before, "now they are in memory")
}

func postgresWrongKey(t *testing.T, server *sqltest.Postgres) {
	in := start(t, fromPostgres(server, manyProducts)...)
	wrong := []string{"abc", "99999999999", "07", "1001"} // no number, too large, another's text, no row
	items := in.batch(append(numbered(1, 10), wrong...)...)
	requireProducts(t, items[:10], 1)
	for _, got := range items[10:] {
		require.Equal(t, http.StatusNotFound, got.Status, got.Key)
		require.Equal(t, "urn:mlcache:no-such-key", got.Problem.Type)
	}
	require.Equal(t, http.StatusNotFound, start(t, fromPostgres(server, oneProduct)...).mustGet("/data/abc").status)
}

func postgresBadRow(t *testing.T, server *sqltest.Postgres) {
	in := start(t, fromPostgres(server, "SELECT id AS _key, 6 / (id - 3) AS v FROM products WHERE id = ANY(:keys)")...)
	var got []string
	for _, i := range in.batch(numbered(1, 5)...) {
		got = append(got, fmt.Sprint(i.Status, " ", string(i.Value), i.Problem.Type))
	}
	require.Equal(t, []string{"200 -3", "200 -6", "502 urn:mlcache:source-failed", "200 6", "200 3"}, got)
}

func postgresLock(t *testing.T, server *sqltest.Postgres) {
	const limit = 2 * time.Second
	in := start(t, fromPostgres(server, oneProduct, "--source-timeout="+limit.String())...)
	release, waiting := server.Lock("products"), server.Waiting(fromProducts)
	asked := make(chan reply, 1)
	go func() {
		r, err := in.get("/data/1")
		if err != nil {
			r.body = err.Error()
		}
		asked <- r
	}()
	eventually(t, "the statement waits for the lock", func() bool { return waiting() == 1 || len(asked) == 1 })
	r := <-asked
	requireProblem(t, r, http.StatusGatewayTimeout)
	require.Greater(t, r.took, limit*8/10, "the server gives up a little earlier than the client")
	require.Eventually(t, func() bool { return waiting() == 0 }, 30*time.Second, 5*time.Millisecond, "it goes on waiting on the server")
	requireNoSecrets(t, server, in.mustGet("/health").body)
	release()
	eventually(t, "the service recovers", func() bool { return in.mustGet("/data/1").body == product(1) })
}

// The server takes 50 connections.
func postgresConnections(t *testing.T, server *sqltest.Postgres) {
	const requests, few = 100, 20
	for _, concurrency := range []int{few, requests} { // in that order: connections are kept
		in := start(t, fromPostgres(server, oneProduct, "--source-timeout=4m", "--source-concurrency="+strconv.Itoa(concurrency))...)
		release, waiting := server.Lock("products"), server.Waiting(fromProducts)
		require.Zero(t, waiting(), "it has its connection before the others")
		statuses := make(chan int, requests)
		for _, key := range numbered(1, requests) {
			go func() {
				r, _ := in.get("/data/" + key)
				statuses <- r.status
			}()
		}
		eventually(t, "all that can be asked for is", func() bool {
			return in.metrics()["waiting"]+float64(len(statuses)) == requests && waiting() >= few
		})
		want := http.StatusBadGateway
		if concurrency == few {
			want = http.StatusOK
			require.Equal(t, few, waiting())
			require.Empty(t, statuses, "the others wait for a slot")
		} else {
			eventually(t, "the server refuses connections", func() bool { return len(statuses) > 0 })
			require.Contains(t, in.log.String(), "it takes no more calls")
		}
		release()
		worst := 0
		for range requests {
			worst = max(worst, <-statuses)
		}
		require.Equal(t, want, worst)
	}
}

// requireProblem checks that a reply is a problem that says no more than that the
// source failed, or took too long.
func requireProblem(t *testing.T, r reply, status int) {
	t.Helper()
	bodies := map[int]string{
		http.StatusBadGateway:     `{"type":"urn:mlcache:source-failed","title":"The source failed","status":502,"detail":"Try again later."}`,
		http.StatusGatewayTimeout: `{"type":"urn:mlcache:took-too-long","title":"The source took too long","status":504,"detail":"Try again later."}`,
	}
	require.Equal(t, status, r.status, r.body)
	require.Equal(t, bodies[status], ownInstance.ReplaceAllString(r.body, ""))
	require.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
}

// requireNoSecrets checks that a text has nothing of the DSN, of statements, of rows,
// or of the driver's errors.
func requireNoSecrets(t *testing.T, server *sqltest.Postgres, text string) {
	t.Helper()
	for _, secret := range []string{server.DSN(), sqltest.Password, "postgres", "127.0.0.1", "SELECT", "products", "name 1", "SQLSTATE", "connect"} {
		require.NotContains(t, text, secret)
	}
}
