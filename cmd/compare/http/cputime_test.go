package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCPUTimeIsReadOfALineOfProc(t *testing.T) {
	// A worker of nginx, renamed to be as awkward as a name can be.
	u, err := parseStat("1234 (ngi) nx: (w) 1) S 1200 1200 1 0 -1 4194368 3517 0 0 0 250 75 9 9 20 0 1 0 1836220 57810944 1664\n")
	require.NoError(t, err)
	assert.Equal(t, usage{1234, 1200, 3250 * time.Millisecond}, u)
	for _, line := range []string{"", "1 (x", "1 (x) S 2 3", "x (x) S 1200 1200 1 0 -1 4194368 3517 0 0 0 250 75 9 9"} {
		_, err := parseStat(line)
		assert.Error(t, err, line)
	}
}

func TestDescendantsAreCountedAndOthersNot(t *testing.T) {
	all := []usage{{1, 0, time.Hour}, {10, 1, time.Second}, {11, 10, 2 * time.Second}, {12, 11, 4 * time.Second}, {13, 1, time.Hour}}
	assert.Equal(t, 7*time.Second, treeCPU(all, 10))
	assert.Zero(t, treeCPU(all, 99))
}

func TestTheTimeOfThisProcessGrows(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	before := cpuOf(os.Getpid())
	for start := time.Now(); cpuOf(os.Getpid()) == before && time.Since(start) < 10*time.Second; {
	}
	assert.Greater(t, cpuOf(os.Getpid()), before)
}

func TestCPUsAreHalved(t *testing.T) {
	all, err := parseCPUs("0-2,5")
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 2, 5}, all)
	assert.Equal(t, "0,1,2,5", list(all))
	for _, text := range []string{"", "a", "1-", "3-1"} {
		_, err := parseCPUs(text)
		assert.Error(t, err, text)
	}
	pinned := placement{"/bin/taskset", []int{0, 1}, []int{2, 5}}
	assert.Equal(t, []string{"/bin/taskset", "-c", "2,5", "wrk", "-v"}, pinned.on(pinned.load, []string{"wrk", "-v"}))
	for _, free := range []placement{place(false, "/bin/taskset"), place(true, "")} {
		assert.Equal(t, free.servers, free.load)
		assert.Equal(t, []string{"wrk"}, free.on(free.load, []string{"wrk"}))
		assert.NoError(t, free.confine(t.Context()))
	}
}
