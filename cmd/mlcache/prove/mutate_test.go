//go:build mutate

package prove_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/mlcache/prove"
)

// mutation takes a guard out of the program.
type mutation struct {
	guard    string // what is taken out
	scenario string // that has to notice
	file     string
	changes  []string // what is replaced, and by what, in turn
}

var mutations = []mutation{
	{"a lock is taken once", "storm", "adapters/redis/acquire.lua", []string{"lease, 'NX', 'PX'", "lease, 'PX'"}},
	{"requests share a call", "storm", "app/cache.go", []string{"s.calls.Do(ctx, callKey{c.key, c.want}, left, c)", `s.calls.Do(ctx, callKey{domain.Key{}, c.want}, left, c)`}},
	{"a failure has a cool-down", "failing-source", "app/cooldown.go", []string{"lasts := domain.Cooldown(failure, usual)", "lasts := 0 * domain.Cooldown(failure, usual)"}},
	{"an expired value is served when the load fails", "hung-source", "app/stale.go", []string{"return stale.UsableStale(window) &&", "return false &&"}},
	{"those that wait look again when a lock may have expired", "killed-holder", "adapters/redis/await.go", []string{"return min(poll, left+rand.N(staggered))", "return time.Hour + min(poll, left+rand.N(staggered))"}},
	{"a fill without its lock overwrites nothing", "paused-holder", "adapters/redis/end.lua", []string{
		"redis.call('GET', KEYS[4]) ~= ARGV[1]", "false", "ARGV[3], 'NX', 'PX', ttl", "ARGV[3], 'PX', ttl",
	}},
	{"a subscription that is silent is noticed", "silent-bus", "adapters/redis/subscription.go", []string{"> max(minSilence, 2*s.client.timeout)", "> time.Hour"}},
	{"what is loaded is stored for all", "slow-network", "adapters/redis/end.lua", []string{"written = redis.pcall('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])", "written = false"}},
	{"a lock that was won too late is given back", "late-reply", "adapters/redis/locker.go", []string{"\t\tl.giveBack(key, token)\n", ""}},
	{"a load goes without its lock when Redis is gone", "redis-killed", "app/load.go", []string{"return ports.Lease{}, failure\n", "return ports.Lease{}, errors.Join(err, failure)\n"}},
	{"a load goes without its lock when Redis is gone", "failover", "app/load.go", []string{"return ports.Lease{}, failure\n", "return ports.Lease{}, errors.Join(err, failure)\n"}},
	{"a DELETE voids the load that is under way", "purge-during-load", "adapters/redis/write.lua", []string{"redis.call('DEL', KEYS[2], KEYS[3], KEYS[5])", "redis.call('DEL', KEYS[3])"}},
	{"a copy is judged by the purges since its load began", "purge-during-load", "app/judge.go", []string{"if mark.Number < t.hard {", "if false {"}},
}

func TestAScenarioNoticesEachGuardThatIsTakenOut(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	for _, m := range mutations {
		t.Run(m.scenario+": "+m.guard, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), m.build(t, root), "prove", "--json", "--scenario="+m.scenario).Output()
			var ended *exec.ExitError
			require.ErrorAs(t, err, &ended, "without its guard, the program still keeps the promise")
			var report prove.Report
			require.NoError(t, json.Unmarshal(out, &report), "%s", ended.Stderr)
			require.Equal(t, prove.Broken, report.Results[0].Verdict)
			for _, c := range report.Results[0].Claims {
				if !c.Kept {
					t.Logf("✗ %s: %s", c.Says, c.Seen)
				}
			}
		})
	}
}

// build returns the program without the guard.
func (m mutation) build(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(root, m.file)
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(source)
	for i := 0; i < len(m.changes); i += 2 {
		require.Equal(t, 1, strings.Count(text, m.changes[i]), "%s is no longer there once: %s", m.file, m.changes[i])
		text = strings.Replace(text, m.changes[i], m.changes[i+1], 1)
	}
	mutant := filepath.Join(dir, filepath.Base(m.file))
	require.NoError(t, os.WriteFile(mutant, []byte(text), 0o600))
	overlay := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, fmt.Appendf(nil, `{"Replace":{%q:%q}}`, file, mutant), 0o600))
	program := filepath.Join(dir, "mlcache")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", program, "./cmd/mlcache")
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program
}
