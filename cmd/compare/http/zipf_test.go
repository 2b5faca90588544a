package main

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeysAreDrawnByZipfsLaw(t *testing.T) {
	const n, draws = 50, 200_000
	counts := make([]float64, n)
	for _, at := range zipf(n, draws) {
		counts[at]++
	}
	sum := 0.0
	for i := range n {
		sum += math.Pow(float64(i+1), -zipfExponent)
	}
	for i, count := range counts {
		want := math.Pow(float64(i+1), -zipfExponent) / sum
		assert.InEpsilon(t, want, count/draws, 0.1, "key %d", i)
	}
	assert.Equal(t, zipf(n, 100), zipf(n, 100), "the same each time")
}

func TestTheScriptAsksForTheKeysThatWereDrawn(t *testing.T) {
	keys := zipfKeys()
	require.Len(t, keys, 50)
	script := zipfScript(keys)
	assert.Contains(t, script, `local paths = { "/data/key-1", "/data/key-2", `)
	assert.Contains(t, script, "at = at % #drawn + 1")
	drawn := regexp.MustCompile(`local drawn = \{ (.*) \}`).FindStringSubmatch(script)
	require.NotNil(t, drawn)
	numbers := strings.Split(drawn[1], ",")
	assert.Len(t, numbers, zipfDraws)
	for i, at := range zipf(50, zipfDraws) {
		require.Equal(t, fmt.Sprint(at+1), numbers[i])
	}
}

func TestValuesHaveTheirSizeAndKey(t *testing.T) {
	for _, key := range []string{hotKey, zipfKeys()[49], slowPrefix + "12345678"} {
		assert.Len(t, valueOf(key), valueBytes)
		assert.Contains(t, valueOf(key), `{"key":"`+key+`","value":"xxx`)
	}
}
