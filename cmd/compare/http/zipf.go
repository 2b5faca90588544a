package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

const (
	zipfExponent = 1.01
	zipfDraws    = 8192
)

func zipfKeys() []string {
	all := make([]string, 50)
	for i := range all {
		all[i] = fmt.Sprintf("key-%d", i+1)
	}
	return all
}

// zipf draws so many numbers below n by Zipf's law, the same each time.
func zipf(n, draws int) []int {
	cumulated, sum := make([]float64, n), 0.0
	for i := range n {
		sum += math.Pow(float64(i+1), -zipfExponent)
		cumulated[i] = sum
	}
	random := rand.New(rand.NewPCG(1, 2))
	drawn := make([]int, draws)
	for i := range drawn {
		at := random.Float64() * sum
		for drawn[i] < n-1 && cumulated[drawn[i]] < at {
			drawn[i]++
		}
	}
	return drawn
}

// zipfLua asks for keys as they were drawn, over and over, each thread of wrk
// from another place on. All is prepared, so that a request costs wrk little.
const zipfLua = `local paths = { %s }
local drawn = { %s }
local threads = 0

function setup(thread)
	thread:set("at", threads * 997)
	threads = threads + 1
end

local requests = {}

function init(args)
	for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end
end

function request()
	at = at %% #drawn + 1
	return requests[drawn[at]]
end
`

func zipfScript(keys []string) string {
	paths := make([]string, len(keys))
	for i, key := range keys {
		paths[i] = fmt.Sprintf("%q", prefix+key)
	}
	drawn := make([]string, 0, zipfDraws)
	for _, n := range zipf(len(keys), zipfDraws) {
		drawn = append(drawn, strconv.Itoa(n+1)) // Lua counts from 1
	}
	return fmt.Sprintf(zipfLua, strings.Join(paths, ", "), strings.Join(drawn, ","))
}

func writeZipf(file string, keys []string) error {
	return os.WriteFile(file, []byte(zipfScript(keys)), 0o600)
}
