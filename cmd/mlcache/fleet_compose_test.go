//go:build fleet

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"
)

// When values grow, Redis keeps the room of small ones that it evicted, so that it takes
// far more than its maxmemory: at 256 MB in 320 MB it was killed.
func TestFleetRedisOfComposeStaysWithinItsMemory(t *testing.T) {
	t.Parallel()
	redis := composed(t, "redis")
	limit, err := humanize.ParseBytes(strings.TrimSuffix(redis.Limit, "m") + "MiB")
	require.NoError(t, err)
	socket := filepath.Join(t.TempDir(), "redis")
	server := exec.CommandContext(t.Context(), redis.Command[0], append(redis.Command[1:], "--port", "0", "--unixsocket", socket)...)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	eventually(t, "redis listens", func() bool { _, err := os.Stat(socket); return err == nil })

	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{200, 1000, 4000, 16000, 64000, 256000, 1000000} {
		fill(t, socket, random, size, min(600<<20, size<<20))
		peak := peakOf(t, server.Process.Pid)
		t.Logf("values of %d bytes: peak %d MiB of %d MiB", size, peak>>20, limit>>20)
		require.Less(t, peak, int(limit))
	}
}

// fill writes that many bytes in values of about one size.
func fill(t *testing.T, socket string, random *rand.Rand, size, bytesInAll int) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Minute)))
	value := bytes.Repeat([]byte("v"), 2*size)
	answers := make([]byte, 64<<10)
	for sent, i := 0, 0; sent < bytesInAll; {
		var commands bytes.Buffer
		count := 0
		for ; count < 200 && commands.Len() < 1<<20; count++ {
			n := size*7/10 + random.IntN(size*6/10)
			key := fmt.Sprintf("%d:%d", size, i)
			fmt.Fprintf(&commands, "*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$2\r\nPX\r\n$7\r\n3600000\r\n", len(key), key, n, value[:n])
			sent, i = sent+n, i+1
		}
		_, err := conn.Write(commands.Bytes())
		require.NoError(t, err)
		for left := count; left > 0; {
			n, err := conn.Read(answers)
			require.NoError(t, err)
			require.NotContains(t, string(answers[:n]), "-")
			left -= bytes.Count(answers[:n], []byte("\n"))
		}
	}
}

// peakOf returns the most memory that a process has taken, in bytes.
func peakOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Skip("the memory of a process is read from /proc")
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)[1]))
	require.NoError(t, err)
	return kib << 10
}
