package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

// heading says what was compared, how and where.
func (b *bench) heading(ctx context.Context, chosen []rival) string {
	versions := table.Versions()
	said, _ := exec.CommandContext(ctx, b.redis, "--version").Output() // nothing depends on it
	var names []string
	for _, r := range chosen {
		if r.module != "" {
			names = append(names, "- "+r.name+": "+r.module+" "+versions[r.module]+"\n")
		}
	}
	c := b.config
	return fmt.Sprintf(`%s %s/%s, %d CPUs; Redis %s
%s
%d processes, each with a link of its own to one Redis; %d callers, a third on each
process, with %v of patience. The source takes %v and counts its calls; values
have a TTL of %v in all layers, locks one of %v, and a call of Redis may take %v.
%d rounds of up to %d keys, in which the cells take turns, each with a Redis and
processes started anew. Counts are means; times are medians where nothing else is
said.
`, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), regexp.MustCompile(`\d+\.\d+\.\d+|$`).Find(said),
		strings.Join(names, ""), instances, c.callers/instances*instances, patience, c.latency, c.ttl, lockTTL, c.redisTimeout, c.rounds, c.trials)
}
