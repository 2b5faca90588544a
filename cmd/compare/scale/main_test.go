package main

import (
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tiny = "-rate 500 -keys 1000 -ttl 4s -l1 10,100 -instances 1,2,4 -rates 100,1000 "

func output(t *testing.T, args string) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(strings.Fields(args), &out, io.Discard))
	return out.String()
}

func TestThereIsARowForEachNumberOfInstancesAndEachRate(t *testing.T) {
	lines := strings.Split(output(t, tiny+"-format markdown"), "\n")
	require.Len(t, lines, 16)
	assert.Equal(t, "**500 requests/s, 1,000 keys, exponent 1.01, TTL 4s, L2 without bound, seed 1**", lines[0])
	assert.Equal(t, "| instances | L1 hits, L1 of 10 | L1 hits, L1 of 100 | L2 reads/s, L1 of 10 | L2 reads/s, L1 of 100 | source calls/s |", lines[2])
	for i, n := range []string{"1", "2", "4"} {
		assert.Regexp(t, `^\| `+n+` +\| `, lines[4+i])
	}
	assert.True(t, strings.HasPrefix(lines[8], "**2 instances, L1 of 100, "), lines[8])
	assert.Regexp(t, `^\| 100 +\| `, lines[12])
	assert.Regexp(t, `^\| 1,000 +\| `, lines[13])
}

func TestASourceThatSeesL1HasAColumnForEachSize(t *testing.T) {
	out := output(t, tiny+"-l2 50 -format markdown")
	assert.Contains(t, out, "L2 of 50")
	assert.Contains(t, out, "source calls/s, L1 of 10 |")
}

func TestOutputIsReproducible(t *testing.T) {
	assert.Equal(t, output(t, tiny), output(t, tiny))
	assert.NotEqual(t, output(t, tiny), output(t, tiny+"-seed 2"))
}

func TestChartsAreDrawnWithTheirAxesNamed(t *testing.T) {
	var drawn [2]map[string]string
	for i := range drawn {
		folder := t.TempDir()
		drawn[i] = make(map[string]string)
		output(t, tiny+"-svg "+folder)
		for file, want := range map[string][]string{
			"scaling-instances.svg": {"instances", "reads of L2 per second", "L1 of 10 entries", "L1 of 100 entries"},
			"scaling-l1.svg":        {"hit ratio of L1 (%)", "1 instance", "2 instances", "4 instances", "10,000"},
			"scaling-rate.svg":      {"requests, calls per second", "calls of Redis", "calls of the source"},
		} {
			text, err := os.ReadFile(filepath.Join(folder, file))
			require.NoError(t, err)
			for _, s := range want {
				assert.Contains(t, string(text), ">"+s+"</text>", file)
			}
			decoder := xml.NewDecoder(strings.NewReader(string(text)))
			for err == nil {
				_, err = decoder.Token()
			}
			assert.ErrorIs(t, err, io.EOF, "%s is XML", file)
			assert.NotContains(t, string(text), "NaN")
			drawn[i][file] = string(text)
		}
	}
	assert.Equal(t, drawn[0], drawn[1], "reproducible")
}

func TestOneOfEachCanBeDrawn(t *testing.T) {
	output(t, "-rate 500 -keys 1000 -ttl 4s -l1 10 -instances 3 -rates 500 -svg "+t.TempDir())
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	err := run(strings.Fields(tiny+"-svg /absent"), io.Discard, io.Discard)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	r, w := io.Pipe()
	require.NoError(t, r.Close())
	assert.ErrorIs(t, run(strings.Fields(tiny), w, io.Discard), io.ErrClosedPipe)
}

func TestTicksAreRoundNumbersWithinTheAxis(t *testing.T) {
	labels := func(ticks func(least, most float64) []string, least, most float64) string {
		return strings.Join(ticks(least, most), " ")
	}
	even := func(least, most float64) (all []string) {
		for _, tick := range steps(least, most) {
			all = append(all, tick.Label)
		}
		return all
	}
	logs := func(least, most float64) (all []string) {
		for _, tick := range decades(1, 2, 5)(least, most) {
			all = append(all, tick.Label)
		}
		return all
	}
	assert.Equal(t, "0 20 40 60 80 100", labels(even, 0, 100))
	assert.Equal(t, "0 2,000 4,000 6,000 8,000", labels(even, 0, 8_500))
	assert.Equal(t, "1 2 5 10 20 50 100", labels(logs, 0, 2))
	assert.Equal(t, "500 1,000 2,000", labels(logs, 2.6, 3.4))
}

func TestThousandsAreSetApart(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999.4: "999", 999.5: "1,000", 12345: "12,345", 1e6: "1,000,000"} {
		assert.Equal(t, want, count(n))
	}
}

func TestArgumentsAreRefusedByName(t *testing.T) {
	for args, want := range map[string]string{
		"-l1 1,x":          `invalid value "1,x" for flag -l1: "x" is not a whole number from 0 up`,
		"-instances 0":     `invalid value "0" for flag -instances: "0" is not a whole number from 1 up`,
		"-rates 1,":        `invalid value "1," for flag -rates: "" is not a whole number from 1 up`,
		"-rate 0":          "-rate 0 with -ttl 30s makes 0 requests, must be from 100 to 2^26",
		"-rates 1000000":   "-rate 1000000 with -ttl 30s makes 90000000 requests, must be from 100 to 2^26",
		"-ttl 0s":          "-rate 10000 with -ttl 0s makes 0 requests, must be from 100 to 2^26",
		"-keys 0":          "-keys is 0, must be from 1 to 2^26",
		"-exponent -1":     "-exponent is -1, must be from 0 to 10",
		"-exponent NaN":    "-exponent is NaN, must be from 0 to 10",
		"-l2 -1":           "-l2 is -1, must not be negative",
		"-format csv":      `invalid value "csv" for flag -format: must be text or markdown`,
		"more":             `unexpected argument "more"`,
		"-speed 2":         "flag provided but not defined: -speed",
		"-instances 10001": "-instances has 10001, must be up to 10000",
	} {
		assert.EqualError(t, run(strings.Fields(args), io.Discard, io.Discard), want, args)
	}
	var usage strings.Builder
	assert.ErrorIs(t, run([]string{"-h"}, io.Discard, &usage), flag.ErrHelp)
	assert.Contains(t, usage.String(), "-instances")
}
