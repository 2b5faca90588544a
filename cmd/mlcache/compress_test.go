package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// large is how the origin answers with a value of 48 KB that is easily compressed.
func large(_ *cachetest.Origin, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"key":"`+strings.TrimPrefix(r.URL.Path, "/v/")+`","lines":["`+strings.Repeat("the same again, ", 3000)+`"]}`)
}

func TestCompressionShowsNowhereButInRedis(t *testing.T) {
	server, o := redistest.Start(t), cachetest.StartOrigin(t)
	o.Answer("", cachetest.Plan{How: large})
	flags := []string{"--redis-url=" + server.URL(), "--source=http", "--source-url=" + o.URL + "/v/{key}", "--l2-timeout=20s", "--refresh-ahead=0"}
	compresses, reads := start(t, append(flags, "--l2-compress-above=4KiB")...), start(t, flags...)
	loaded := compresses.mustGet("/data/k")
	require.Equal(t, 200, loaded.status)
	require.Equal(t, "source", detail(loaded))
	require.Equal(t, 48, len(loaded.body)/1000)
	require.True(t, strings.HasPrefix(server.Command("GET", "mlc:{k}"), "mlc\x02"))
	require.Len(t, server.Command("STRLEN", "mlc:{k}"), 3, "some hundred bytes")

	read := reads.mustGet("/data/k")
	require.Equal(t, "l2", detail(read))
	require.Equal(t, loaded.body, read.body)
	for _, name := range []string{"Etag", "Content-Type", "Content-Length"} {
		require.Equal(t, loaded.header.Get(name), read.header.Get(name), name)
	}
	batch, err := reads.client.Post(reads.base+"/batch", "application/json", strings.NewReader(`{"keys":["k","l"]}`))
	require.NoError(t, err)
	defer batch.Body.Close()
	answer, err := io.ReadAll(batch.Body)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(answer), `"status":200`), "%.500s", answer)
	require.Contains(t, reads.mustGet("/explain/k").body, strings.Trim(loaded.header.Get("Etag"), `"`))
	require.Equal(t, 1, o.Called("k"))
	require.False(t, strings.HasPrefix(server.Command("GET", "mlc:{l}"), "mlc\x02"), "the other one does not compress")
}

func TestADamagedCompressedValueIsACountedMiss(t *testing.T) {
	server, o := redistest.Start(t), cachetest.StartOrigin(t)
	o.Answer("", cachetest.Plan{How: large})
	flags := []string{"--redis-url=" + server.URL(), "--source=http", "--source-url=" + o.URL + "/v/{key}", "--l2-timeout=20s", "--refresh-ahead=0", "--l2-compress-above=4KiB"}
	in, other := start(t, flags...), start(t, flags...)
	loaded := in.mustGet("/data/k")
	server.Command("SETRANGE", "mlc:{k}", "60", "damage")
	require.EqualValues(t, 0, other.metrics()["l2_undecodable"])
	r := other.mustGet("/data/k")
	require.Equal(t, "source", detail(r))
	require.Equal(t, loaded.body, r.body)
	after := other.metrics()
	require.Positive(t, after["l2_undecodable"])
	require.Zero(t, after["l2_hits"])
	require.Zero(t, after["l2_failures"])
	require.Equal(t, 2, o.Called("k"))
	require.Equal(t, "l2", detail(start(t, flags...).mustGet("/data/k")), "the load repaired it")
}
