package main

import (
	"flag"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

// cells returns the tables that the arguments print, without the lines between.
func cells(t *testing.T, stdin string, args ...string) (rows [][]string) {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(args, strings.NewReader(stdin), &out, io.Discard))
	for line := range strings.Lines(out.String()) {
		if fields := strings.Fields(line); len(fields) > 0 {
			rows = append(rows, fields)
		}
	}
	return rows
}

// The string of Belady's anomaly: 2 and 4 hits of 12 for an LRU, 5 and 6 at
// best. A small cache of ours is an exact LRU.
const anomaly = "1\n2\n3\n4\n1\n2\n5\n1\n2\n3\n4\n5\n"

func TestThereIsARowForEachFileAndCapacity(t *testing.T) {
	path := write(t, "anomaly.xz", compress(t, "xz", anomaly))
	rows := cells(t, "1 1 0 0\n1 1 0 1\n", "-capacity", "3,4,5", path, "-")
	require.Len(t, rows, 2+3+2+3)
	assert.Equal(t, path+": 12 requests for 5 keys", strings.Join(rows[0], " "))
	assert.Equal(t, "-: 2 requests for 1 keys", strings.Join(rows[5], " "))
	assert.Equal(t, []string{"capacity", "none", "tinylfu", "lru", "optimal", "closed"}, rows[1])
	for i, want := range map[int][]string{
		2: {"3", "16.67%", "16.67%", "41.67%"},
		3: {"4", "33.33%", "33.33%", "50.00%"},
		4: {"5", "58.33%", "58.33%", "58.33%"},
		7: {"3", "50.00%", "50.00%", "50.00%"},
	} {
		row := rows[i]
		assert.Equal(t, want, []string{row[0], row[1], row[3], row[4]}, "row %d", i)
	}
	assert.Equal(t, "-", rows[7][5], "there is no gap")
}

func TestTheGapIsMeasuredFromLRUToOptimum(t *testing.T) {
	assert.Equal(t, "25.0%", hits{none: 9, lru: 10, tinyLFU: 12, optimal: 18}.closed())
	assert.Equal(t, "-50.0%", hits{lru: 10, tinyLFU: 8, optimal: 14}.closed())
	assert.Equal(t, "-", hits{lru: 10, tinyLFU: 10, optimal: 10}.closed())
}

func TestOurCacheIsNearAnLRUAndAdmissionResistsScans(t *testing.T) {
	const capacity = 5_000
	requests := trace.WithScans(trace.Zipf(1, 0.9, 50_000, 200_000), 20_000, 10_000)
	h, err := replay(requests, capacity)
	require.NoError(t, err)
	n := float64(len(requests))
	assert.InDelta(t, float64(h.lru)/n, float64(h.none)/n, 0.01)
	assert.Greater(t, float64(h.tinyLFU)/n, float64(h.lru)/n+0.03)
	assert.Less(t, h.tinyLFU, h.optimal)
}

func TestTheBuiltInTracesAreReplayedBeforeTheFiles(t *testing.T) {
	rows := cells(t, anomaly, "-capacity", "100", "-synthetic", "-requests", "40000", "-")
	require.Len(t, rows, 3*(len(synthetics)+1))
	for i, s := range synthetics {
		title := rows[3*i]
		assert.Equal(t, s.name+":", title[0])
		requests, err := strconv.Atoi(title[1])
		require.NoError(t, err)
		assert.InEpsilon(t, 40_000, requests, 0.15, s.name)
	}
}

func TestArgumentsAreRefusedByName(t *testing.T) {
	for args, want := range map[string]string{
		"":                                   "nothing to replay: name a file, - for standard input, or give -synthetic",
		"f":                                  "-capacity is missing: say how many entries the caches have room for",
		"-capacity 0 f":                      `invalid value "0" for flag -capacity: "0" is not a whole number from 1 up`,
		"-capacity 1, f":                     `invalid value "1," for flag -capacity: "" is not a whole number from 1 up`,
		"-capacity 99999999999 f":            `invalid value "99999999999" for flag -capacity: "99999999999" is not a whole number from 1 up`,
		"-capacity 1 -format csv f":          `-format is "csv", must be auto, lines or arc`,
		"-capacity 1 -requests 1 -synthetic": "-requests is 1, must be from 2 to 1073741823",
		"-capacity 1 -speed 2 f":             "flag provided but not defined: -speed",
		"-capacity 1 /absent":                "/absent: no such file or directory",
	} {
		err := run(strings.Fields(args), strings.NewReader(""), io.Discard, io.Discard)
		assert.EqualError(t, err, want, args)
	}
}

func TestTablesBeforeAnErrorArePrinted(t *testing.T) {
	var out strings.Builder
	err := run([]string{"-capacity", "3", "-", "/absent"}, strings.NewReader(anomaly), &out, io.Discard)
	assert.EqualError(t, err, "/absent: no such file or directory")
	assert.Contains(t, out.String(), "-: 12 requests for 5 keys\n")
}

func TestOutputThatCannotBeWrittenEndsTheReplay(t *testing.T) {
	r, w := io.Pipe()
	require.NoError(t, r.Close())
	err := run([]string{"-capacity", "3", "-"}, strings.NewReader(anomaly), w, io.Discard)
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestHelpSaysHowToUseIt(t *testing.T) {
	var usage strings.Builder
	assert.ErrorIs(t, run([]string{"-h"}, nil, io.Discard, &usage), flag.ErrHelp)
	assert.Contains(t, usage.String(), "usage: replay -capacity N")
	assert.Contains(t, usage.String(), "[,N...]")
}
