package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

// moduleVersions returns the libraries that the bare servers are made of.
func moduleVersions() (all []string) {
	versions := table.Versions()
	for _, m := range [][2]string{
		{"gin", "github.com/gin-gonic/gin"}, {"go-redis", "github.com/redis/go-redis/v9"}, {"rueidis", "github.com/redis/rueidis"},
	} {
		all = append(all, m[0]+" "+versions[m[1]])
	}
	return all
}

// heading says what was compared, how and where.
func (b *bench) heading(missing string) string {
	where := "Nothing is pinned to CPUs."
	if b.cpus.taskset != "" {
		where = fmt.Sprintf("Servers, Redis among them, run on CPU %s; wrk and this program (origin,\nscrapes, sink of traces) on CPU %s.",
			list(b.cpus.servers), list(b.cpus.load))
	}
	c := b.config
	return fmt.Sprintf(`%s %s/%s, %d CPUs; %s

A value of %d bytes over loopback, asked for by wrk with %d connections and %d
threads. Medians of %d rounds in which the rows take turns, each with a server
started anew and warmed up for %v, then measured for %v. All answers are hits.
%s
CPU time is that of the server's processes, without Redis's; "busy" is how much
of the servers' CPUs both use together: far below 100%% something else, such as
wrk, holds the row back, and its CPU time says more than its requests/s.
%s`, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), strings.Join(b.rivals, ", "),
		valueBytes, c.connections, c.threads, c.rounds, c.warmup, c.duration, where, missing)
}

// tables returns what to print: a table for each part that was measured, and
// the goals.
func (r results) tables(chosen []subject, cpus int) (all []table.Table) {
	busy := column{"busy", r.figure(func(o outcome) float64 { return 100 * o.busy(max(1, cpus)) }, "%.0f%%")}
	throughput := r.partTable(chosen, partThroughput, "Throughput", []column{
		{"requests/s", r.figure(perSecond, "%.0f")},
		{"× bare Gin", r.ratioToBare},
		{"p99 (ms)", r.figure(func(o outcome) float64 { return p99(o) / 1e3 }, "%.2f")},
		{"CPU µs per request", r.figure(cpu, "%.1f")},
		{"Redis's", r.redisCell},
		busy,
	})
	throughput.Notes = r.spreadNote(chosen)
	slow := r.partTable(chosen, partSlow, "L1 hits while other keys load", []column{
		{"p50 (ms)", r.figure(func(o outcome) float64 { return p50(o) / 1e3 }, "%.2f")},
		{"p99 (ms)", r.figure(func(o outcome) float64 { return p99(o) / 1e3 }, "%.2f")},
		{"requests/s", r.figure(perSecond, "%.0f")},
		{"loads/s", r.figure(func(o outcome) float64 { return o.loads }, "%.0f")},
		busy,
	})
	slow.Notes = []string{fmt.Sprintf("%d clients always wait for a key that takes the origin %v; they and it share the CPUs of wrk.", slowKeys, slowDelay)}
	quiet := r.partTable(chosen, partQuiet, "A single client on one connection", []column{
		{"p50 (µs)", r.figure(p50, "%.0f")},
		{"p99 (µs)", r.figure(p99, "%.0f")},
		{"CPU µs per request", r.figure(cpu, "%.1f")},
		{"Redis's", r.redisCell},
	})
	for _, t := range []table.Table{throughput, slow, quiet} {
		if len(t.Rows) > 1 {
			all = append(all, t)
		}
	}
	return append(all, r.goalTable())
}

func (r results) figure(pick func(outcome) float64, verb string) func(subject) string {
	return func(s subject) string {
		f, _ := r.of(s.name, pick)
		return fmt.Sprintf(verb, f)
	}
}

func (r results) ratioToBare(s subject) string {
	us, _ := r.of(s.name, perSecond)
	bare, ok := r.of(nameBare, perSecond)
	return table.Ratio(us, bare, ok)
}

// redisCell is empty where Redis has nothing to do.
func (r results) redisCell(s subject) string {
	if s.needs != toolRedis {
		return ""
	}
	return r.figure(redisCPU, "%.1f")(s)
}

// spreadNote tells how far rounds differ: differences of rows below that are
// noise.
func (r results) spreadNote(chosen []subject) []string {
	most, who := 0.0, ""
	for _, s := range chosen {
		if d := r.spread(s.name); s.part == partThroughput && d > most {
			most, who = d, s.name
		}
	}
	if who == "" {
		return nil
	}
	return []string{fmt.Sprintf("Between rounds, requests/s differ by at most %.0f%% (%s).", 100*most, who)}
}
