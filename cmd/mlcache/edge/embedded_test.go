package edge

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writer puts values over one connection.
type writer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (p *program) writer() *writer {
	p.t.Helper()
	conn := p.dial()
	return &writer{t: p.t, conn: conn, r: bufio.NewReader(conn)}
}

// put returns the status, or 0 when the connection ended.
func (w *writer) put(key, value string, ttl int) int {
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	_, err := fmt.Fprintf(w.conn, "PUT /data/%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nAuthorization: Bearer %s\r\nCache-Control: max-age=%d\r\nContent-Length: %d\r\n\r\n%s",
		key, token, ttl, len(value), value)
	if err != nil {
		return 0
	}
	resp, err := http.ReadResponse(w.r, &http.Request{Method: http.MethodPut})
	if err != nil {
		return 0
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

func TestTheEmbeddedLayerInMemoryIsBoundedInRealBytes(t *testing.T) {
	t.Parallel()
	passThroughMemory(t, 512*mib)
}

// passThroughMemory has distinct values of that size in total pass through 64 MiB of
// L1 and 64 MiB of L2.
func passThroughMemory(t *testing.T, total int64) {
	t.Helper()
	const connections = 4
	p := start(t, "MLCACHE_L1_MAX_BYTES=64MiB", "MLCACHE_L1_MAX_ENTRIES=1000000")
	body := strings.Repeat("0123456789abcdef", mib/16)
	var sent atomic.Int64
	var writers sync.WaitGroup
	for n := range connections {
		w, r := p.writer(), rand.New(rand.NewPCG(uint64(n), 1))
		writers.Go(func() {
			for i := 0; sent.Load() < total; i++ {
				size, ttl := 1<<(10+r.IntN(11)), 3600
				if r.IntN(2) == 0 {
					ttl = 1
				}
				if !assert.Equal(t, http.StatusNoContent, w.put(fmt.Sprintf("%d-%d", n, i), body[:size], ttl)) {
					return
				}
				sent.Add(int64(size))
			}
		})
	}
	writers.Wait()
	t.Logf("peak %d MiB, at the end %d MiB", p.peak()/mib, p.memory("VmRSS")/mib)
	require.LessOrEqual(t, p.peak(), (64+64+256)*mib)
	require.Contains(t, p.get("/health").body, `"l2":"embedded"`)
}

// tmpfs mounts a file system of that size.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "mlcache-test", dir).CombinedOutput(); err != nil {
		skipAloud(t, fmt.Sprintf("a tmpfs cannot be mounted (be root): %v %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// skipAloud leaves a test out, and never under CI.
func skipAloud(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		require.FailNow(t, "NOT TESTED: "+why)
	}
	t.Skip("NOT TESTED: " + why)
}

func TestAFullDiskCostsMissesAndNotTheProcess(t *testing.T) {
	t.Parallel()
	mounted := tmpfs(t, "size=8m")
	settings := []string{"MLCACHE_DATA_DIR=" + filepath.Join(mounted, "data"), "MLCACHE_ORACLE_DELAY=1ms", "MLCACHE_L1_MAX_ENTRIES=0"}
	p := start(t, settings...)
	value := func(i int) string { return strings.Repeat(fmt.Sprintf("%09d ", i), 10_000) }
	w := p.writer()
	for i := range 322 {
		require.Equal(t, http.StatusNoContent, w.put(fmt.Sprint(i), value(i), 3600))
	}
	require.Equal(t, value(321), p.get("/data/321").body, "new values win")
	require.Contains(t, p.get("/data/1").body, "from Oracle")
	require.Contains(t, p.get("/health").body, `"l2":"degraded","l2_reason":"the disk is full"`)
	require.Equal(t, 1, strings.Count(p.log.String(), "level=WARN"), p.log.String())

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		p.signal(signal)
		_ = p.wait()
		p = start(t, settings...)
		require.Equal(t, value(321), p.get("/data/321").body)
		// A kill may leave no room for the journal, without which no value can take the
		// place of another: then it is refused, and what is there can be read.
		require.Contains(t, []int{http.StatusNoContent, http.StatusServiceUnavailable}, p.writer().put("another", value(1), 3600))
	}

	require.NoError(t, exec.Command("mount", "-o", "remount,size=64m", mounted).Run())
	w = p.writer()
	eventually(t, "the disk is usable again", func() bool {
		return w.put("k", value(1), 3600) == http.StatusNoContent && strings.Contains(p.get("/health").body, `"l2":"embedded"`)
	})
}

func TestADiskWithoutAnyRoomCostsMissesUntilItHasSome(t *testing.T) {
	t.Parallel()
	mounted := tmpfs(t, "size=1m")
	filler := filepath.Join(mounted, "filler")
	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 2*mib), 0o600), syscall.ENOSPC)
	p := start(t, "MLCACHE_DATA_DIR="+filepath.Join(mounted, "data"), "MLCACHE_ORACLE_DELAY=1ms")
	require.Contains(t, p.get("/data/k").body, "from Oracle")
	require.Contains(t, p.get("/health").body, `"l2":"degraded","l2_reason":"the disk is full"`)
	require.Equal(t, http.StatusServiceUnavailable, p.writer().put("k", "v", 3600), "never a success that is none")
	require.NoError(t, os.Remove(filler))
	eventually(t, "values are stored", func() bool { return p.writer().put("k", "v", 3600) == http.StatusNoContent })
	require.Contains(t, p.get("/health").body, `"l2":"embedded"`)
}

// refused runs the program, which must end by itself, and returns what it says.
func refused(t *testing.T, settings ...string) string {
	t.Helper()
	p := &program{t: t, log: newLogFile(t), done: make(chan error, 1), cmd: exec.Command(binary)}
	p.cmd.Env = append(clean(os.Environ()), append([]string{"MLCACHE_ADDR=127.0.0.1:0"}, settings...)...)
	p.cmd.Stderr, p.cmd.Dir = p.log.File, "/"
	require.NoError(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	require.Error(t, p.wait())
	return p.log.String()
}

func TestAReadOnlyDataDirectoryStopsTheStartWithOneLine(t *testing.T) {
	t.Parallel()
	mounted := tmpfs(t, "size=8m")
	for _, state := range []string{"empty", "with a file"} {
		t.Run(state, func(t *testing.T) {
			if state == "with a file" {
				require.NoError(t, exec.Command("mount", "-o", "remount,rw", mounted).Run())
				p := start(t, "MLCACHE_DATA_DIR="+mounted)
				p.put("k", "v")
				p.signal(syscall.SIGTERM)
				require.NoError(t, p.wait())
			}
			require.NoError(t, exec.Command("mount", "-o", "remount,ro", mounted).Run())
			says := refused(t, "MLCACHE_DATA_DIR="+mounted)
			require.Contains(t, says, `data directory "`+mounted+`" cannot be used: `)
			require.Contains(t, says, "MLCACHE_DATA_DIR")
			require.Equal(t, 1, strings.Count(says, "\n"), says)
		})
	}
}

func TestTwoProcessesDoNotShareADataDirectory(t *testing.T) {
	t.Parallel()
	setting := "MLCACHE_DATA_DIR=" + filepath.Join(t.TempDir(), "data")
	p := start(t, setting)
	p.put("k", "v")
	says := refused(t, setting)
	require.Contains(t, says, "is in use by another process")
	require.Equal(t, 1, strings.Count(says, "\n"), says)
	p.put("k2", "v2")
	require.Equal(t, "v2", p.get("/data/k2").body)
}

// Each key has one writer. After kill -9 it has the last value that was
// acknowledged, or the one that was on its way.
func TestKillDuringWritesLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	setting := "MLCACHE_DATA_DIR=" + filepath.Join(t.TempDir(), "data")
	const keys = 8
	acknowledged := [keys]int{}
	value := func(k, i int) string { return strings.Repeat(fmt.Sprintf("%d-%d ", k, i), 1+i*131%9000) }
	p := start(t, setting)
	for round := range 3 {
		var writers sync.WaitGroup
		var total atomic.Int64
		for k := range keys {
			w := p.writer()
			writers.Go(func() {
				for i := acknowledged[k] + 1; w.put(fmt.Sprint(k), value(k, i), 3600) == http.StatusNoContent; i++ {
					acknowledged[k] = i
					total.Add(1)
				}
			})
		}
		eventually(t, "writes are in progress", func() bool { return total.Load() > int64(100+round*37) })
		p.signal(syscall.SIGKILL)
		_ = p.wait()
		writers.Wait()
		p = start(t, setting)
		for k := range keys {
			got := p.get(fmt.Sprintf("/data/%d", k)).body
			last := acknowledged[k]
			if got != value(k, last) {
				require.Equal(t, value(k, last+1), got)
				acknowledged[k]++
			}
		}
		require.NotContains(t, p.log.String(), "level=WARN")
	}
}

// Ten times the bound passes through the file.
func TestTheEmbeddedLayerOnDiskIsBounded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := start(t, "MLCACHE_DATA_DIR="+dir, "MLCACHE_L1_MAX_ENTRIES=0")
	w, body := p.writer(), strings.Repeat("0123456789abcdef", mib/16)
	for i := range 640 {
		require.Equal(t, http.StatusNoContent, w.put(fmt.Sprint(i), body[:len(body)-i], 1+i%2*3600))
	}
	var bytes int64
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		bytes += info.Size()
	}
	t.Logf("peak %d MiB, on disk %d KiB", p.peak()/mib, bytes>>10)
	require.LessOrEqual(t, bytes, int64(65*mib))
	require.LessOrEqual(t, p.peak(), 256*mib)
}
