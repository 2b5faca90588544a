package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const wrkSays = `Running 3s test @ http://127.0.0.1:35429/data/hot
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.41ms    1.02ms  31.55ms   91.30%
    Req/Sec    13.40k     1.22k   16.01k    70.00%
  Latency Distribution
     50%  980.00us
     75%    2.86ms
     90%    3.37ms
     99%    6.02ms
  80098 requests in 3.01s, 41.63MB read
Requests/sec:  26610.29
Transfer/sec:     13.83MB
`

func TestWhatWrkSaysIsRead(t *testing.T) {
	m, err := parseWrk(wrkSays)
	require.NoError(t, err)
	assert.Equal(t, measured{80098, 26610.29, 980 * time.Microsecond, 6020 * time.Microsecond}, m)

	slow, err := parseWrk(strings.NewReplacer("6.02ms", "1.50s", "980.00us", "1.20m").Replace(wrkSays))
	require.NoError(t, err)
	assert.Equal(t, 1500*time.Millisecond, slow.p99)
	assert.Equal(t, 72*time.Second, slow.p50)
}

func TestAnyFailedRequestIsAnError(t *testing.T) {
	for what, line := range map[string]string{
		"wrk: Socket errors: connect 0, read 7, write 0, timeout 0": "  Socket errors: connect 0, read 7, write 0, timeout 0\n",
		"wrk: Non-2xx or 3xx responses: 12":                         "  Non-2xx or 3xx responses: 12\n",
	} {
		_, err := parseWrk(strings.Replace(wrkSays, "Requests/sec", line+"Requests/sec", 1))
		assert.EqualError(t, err, what)
	}
	_, err := parseWrk(strings.Replace(wrkSays, "80098", "0", 1))
	assert.EqualError(t, err, "wrk: no request was answered")
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for _, line := range []string{"     50%  980.00us\n", "     99%    6.02ms\n", "Requests/sec:  26610.29\n", "  80098 requests in 3.01s, 41.63MB read\n"} {
		_, err := parseWrk(strings.Replace(wrkSays, line, "", 1))
		assert.ErrorContains(t, err, "in what it says", line)
	}
	_, err := parseWrk(strings.Replace(wrkSays, "6.02ms", "6.02parsecs", 1))
	assert.ErrorContains(t, err, "parsecs")
}

func TestWrkIsToldTheLoad(t *testing.T) {
	l := load{64, 2, 3 * time.Second, "", "http://x/"}
	assert.Equal(t, "-c 64 -t 2 -d 3s --latency http://x/", strings.Join(l.args(), " "))
	l.script = "zipf.lua"
	assert.Equal(t, "-c 64 -t 2 -d 3s --latency -s zipf.lua http://x/", strings.Join(l.args(), " "))
}
