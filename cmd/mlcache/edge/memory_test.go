//go:build fleet

package edge

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

const attackers = 10_000

// attacked is a program whose L1 and L2 budgets are 64 MiB, and which has as much time
// for requests as it has by default, with an origin of values of 1 MiB.
func attacked(t *testing.T) *program {
	t.Helper()
	return start(t, "MLCACHE_REDIS_URL="+redistest.Start(t).URL(), "MLCACHE_SOURCE=http", "MLCACHE_SOURCE_URL="+originOf(t, mib)+"/{key}",
		"MLCACHE_REFRESH_AHEAD=0", "MLCACHE_REQUEST_TIMEOUT=10s")
}

// attack has each of many clients send a request and not read, all at once.
func (p *program) attack(request func(i int) string) {
	p.t.Helper()
	var all sync.WaitGroup
	for client := range 50 {
		all.Go(func() {
			for i := client; i < attackers; i += 50 {
				conn, err := net.Dial("tcp", p.addr)
				if err != nil {
					continue // its backlog is full
				}
				p.t.Cleanup(func() { conn.Close() })
				_ = conn.(*net.TCPConn).SetReadBuffer(4096)
				go io.WriteString(conn, request(i)) // it may be refused
			}
		})
	}
	all.Wait()
}

// holds requires that the process stayed within its bound, and serves.
func (p *program) holds() {
	p.t.Helper()
	require.Less(p.t, p.peak(), (64+256)*mib)
	eventually(p.t, "it serves", func() bool { return p.get("/health").status == http.StatusOK })
	require.Less(p.t, p.peak(), (64+256)*mib)
	p.t.Log("peak in MiB:", p.peak()/mib)
}

func TestFleetOfClientsWithLongQueriesHoldsNoMemory(t *testing.T) {
	p := attacked(t)
	query := strings.Repeat("q", 1_000_000)
	for i := range attackers {
		conn := p.dial()
		io.WriteString(conn, fmt.Sprintf("GET /data/key%d?%s HTTP/1.1\r\nHost: x\r\n\r\n", i, query))
		conn.Close()
	}
	p.holds()
}

func TestFleetOfSlowBodiesHoldsNoMemory(t *testing.T) {
	p := attacked(t)
	bodies := []string{"{", strings.Repeat(" ", 100_000), strings.Repeat(" ", 3_000_000)}
	p.attack(func(i int) string {
		if i%2 == 0 {
			return p.head("POST", "/batch", 4*mib, asJSON) + bodies[i%3]
		}
		return p.head("PUT", fmt.Sprint("/data/k", i), mib, withinIt) + bodies[i%3][:min(len(bodies[i%3]), mib-1)]
	})
	p.holds()
}

func TestFleetOfSlowHeadersHoldsNoMemory(t *testing.T) {
	p := attacked(t)
	p.attack(func(i int) string {
		return fmt.Sprintf("GET /data/k%d HTTP/1.1\r\nHost: x\r\nX-A: %s\r\n", i, strings.Repeat("a", 33<<10))
	})
	p.holds()
}

func TestFleetOfSlowReadersHoldsNoMemory(t *testing.T) {
	p := attacked(t)
	p.attack(func(i int) string {
		return strings.Repeat(fmt.Sprintf("GET /data/k%d HTTP/1.1\r\nHost: x\r\n\r\n", i), 4)
	})
	p.holds()
}

func TestFleetOfBatchesThatAreNotReadHoldsNoMemory(t *testing.T) {
	p := attacked(t)
	p.attack(func(i int) string {
		body := keys(fmt.Sprintf("k%d-", i%50), 1000)
		return p.head("POST", "/batch", len(body), asJSON) + body
	})
	p.holds()
}

func TestFleetOfWritesIsBoundedInRealBytes(t *testing.T) { passThroughMemory(t, 2<<30) }
