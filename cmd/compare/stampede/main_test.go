package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain lets this binary be a process with a loader, as the program's own is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childFlag {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// cells runs the command with patience for a busy machine and returns the table by
// row and column.
func cells(t *testing.T, args ...string) map[string]map[string]string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts many processes")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has redis-server")
		t.Skip("no redis-server")
	}
	var out strings.Builder
	args = append([]string{"-rounds", "1", "-callers", "30", "-latency", "500ms", "-redis-timeout", "5s", "-format", "markdown"}, args...)
	require.NoError(t, run(t.Context(), args, &out, io.Discard))
	found := map[string]map[string]string{}
	var head []string
	for line := range strings.Lines(out.String()) {
		fields := strings.Split(strings.Trim(line, "|\n"), "|")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		switch {
		case !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--"):
		case head == nil:
			head = fields
		default:
			row := map[string]string{}
			for i, column := range head[1:] {
				row[column] = fields[i+1]
			}
			found[fields[0]] = row
		}
	}
	return found
}

const (
	columnOurs       = "ours"
	columnRueidis    = "rueidis + rueidislock"
	columnGoRedis    = "go-redis/cache"
	columnSturdyc    = "sturdyc + Redis"
	columnGroupcache = "groupcache"
	columnSetNX      = "SETNX lock, polling"
)

func TestCallsOfAColdKeyAreCountedAtTheSource(t *testing.T) {
	found := cells(t, "-trials", "2", "-latency", "1s", "-rows", "cold")
	assert.Equal(t, map[string]map[string]string{"source calls per cold key, 30 callers": {
		columnOurs: "1", columnRueidis: "1", columnGroupcache: "1", columnSetNX: "1", // one for all
		columnGoRedis: "3", columnSturdyc: "3", // one each
	}}, found)
}

func TestAnOldValueComesBackWhereNothingFencesIt(t *testing.T) {
	found := cells(t, "-trials", "1", "-rows", "deleted")
	assert.Equal(t, map[string]map[string]string{"a DELETE during the load: the old value comes back": {
		columnOurs: "no (0 of 1)", columnGroupcache: noDelete,
		columnRueidis: "yes (1 of 1)", columnGoRedis: "yes (1 of 1)", columnSturdyc: "yes (1 of 1)", columnSetNX: "yes (1 of 1)",
	}}, found)
}

func TestTheOtherRowsAreMeasured(t *testing.T) {
	found := cells(t, "-trials", "1", "-ttl", "60s", "-latency", "100ms", "-only", "ours|SETNX", "-rows", "wait|failing|killed|invalidated|missed")
	require.Len(t, found, 5)
	for row, columns := range found {
		for column, text := range columns {
			assert.NotEmpty(t, text, "%s: %s", row, column)
		}
	}
	assert.Regexp(t, "^1(,|$)", found["source calls per failing key, 30 callers"][columnOurs])
	assert.Contains(t, found["loading process killed: others have the value after"][columnOurs], ", 2 calls")
	assert.Equal(t, noMemory, found["a DELETE elsewhere: memory serves the old value for"][columnSetNX])
	assert.NotContains(t, found["a DELETE elsewhere: memory serves the old value for"][columnOurs], "its TTL")
	assert.NotContains(t, found["the same while the link to Redis is cut for 1 s"][columnOurs], "its TTL")
}

func TestWithoutRedisThereAreAnswers(t *testing.T) {
	found := cells(t, "-redis-timeout", "1s", "-only", "ours|groupcache", "-rows", "gone|hung")
	require.Len(t, found, 2)
	for row, columns := range found {
		assert.NotContains(t, columns[columnOurs], "errors", row)
		assert.Equal(t, noRedis, columns[columnGroupcache], row)
	}
}

func TestEachExceptionIsOfARow(t *testing.T) {
	rows := map[string]bool{}
	for _, s := range scenarios() {
		assert.False(t, rows[s.id], "%s twice", s.id)
		rows[s.id] = true
	}
	for _, r := range rivals() {
		for id := range r.without {
			assert.True(t, rows[id], "%s: %s", r.name, id)
		}
	}
}

func TestArgumentsAreRefusedByName(t *testing.T) {
	for args, want := range map[string]string{
		"-rounds 0":          "-rounds and -trials must be at least 1",
		"-callers 2":         "-callers is 2, must be at least one for each of 3 processes",
		"-latency 2s":        "-latency is 2s, must be from 10ms to 1s",
		"-ttl 5500ms":        "-ttl is 5.5s, must be whole seconds from 5 up",
		"-redis-timeout 0s":  "-redis-timeout is 0s, must be at least 1ms",
		"-only (":            "-only: error parsing regexp: missing closing ): `(`",
		"-rows nothing":      "-only and -rows leave nothing to compare",
		childFlag + " {}":    `there is no loader ""`,
		childFlag + " never": "-instance: invalid character 'e' in literal null (expecting 'u')",
	} {
		assert.EqualError(t, run(t.Context(), strings.Fields(args), io.Discard, io.Discard), want, args)
	}
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, io.Discard), flag.ErrHelp)
}

func TestCellsSayWhatCanBeTold(t *testing.T) {
	c := config{latency: 200 * time.Millisecond, ttl: 10 * time.Second}
	ms := func(all ...int) (times []time.Duration) {
		for _, n := range all {
			times = append(times, time.Duration(n)*time.Millisecond)
		}
		return times
	}
	assert.Equal(t, "1", callsCell(c, outcome{calls: []int{1, 1}}))
	assert.Equal(t, "1.5, up to 2, 10% errors", callsCell(c, outcome{calls: []int{1, 2}, failed: 1, of: 10}))
	assert.Equal(t, "9 ms", waitCell(c, outcome{waits: ms(9, 1, 5)[:1]}))
	assert.Equal(t, "3, up to 600 ms", failureCell(c, outcome{calls: []int{3}, delays: ms(200, 600)}))
	assert.Equal(t, "5.8 s, 2 calls", killedCell(c, outcome{calls: []int{2}, delays: ms(5800)}))
	assert.Equal(t, "yes (1 of 2)", staleCell(c, outcome{stale: 1, trials: 2}))
	assert.Equal(t, "no (0 of 2)", staleCell(c, outcome{trials: 2}))
	assert.Equal(t, "10.0 s (its TTL)", delayCell(c, outcome{delays: ms(10_000), answers: ms(1)}))
	assert.Equal(t, "< 1 ms, reads wait 1.0 s", delayCell(c, outcome{delays: ms(0), answers: ms(1000)}))
	assert.Equal(t, "2 ms · < 1 ms", goneCell(c, outcome{delays: ms(2, 1), answers: ms(0)}))
	assert.Equal(t, "errors after 5.0 s · 1 ms", goneCell(c, outcome{delays: ms(5000), answers: ms(1), failed: 1}))
}
