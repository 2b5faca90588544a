package prometheus_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rules is docs/observe/alerts.yml.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For string
			Labels           map[string]string
			Annotations      map[string]string
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	require.NoError(t, err)
	return string(text)
}

func TestEachAlertSaysWhatToDo(t *testing.T) {
	var alerts rules
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "observe/alerts.yml")), &alerts))
	page, tests := readFile(t, "alerts.md"), readFile(t, "observe/alerts_test.yml")
	var names []string
	for _, r := range alerts.Groups[0].Rules {
		names = append(names, r.Alert)
		require.Contains(t, []string{"info", "warning", "critical"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, "https://github.com/multi-layer-cache/multi-layer-cache/blob/main/docs/alerts.md#"+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
		require.NotContains(t, r.Expr, `job="`, "%s: what the job is called is up to the one that scrapes", r.Alert)
		require.Contains(t, tests, "{eval_time: 60m, alertname: "+r.Alert+"}", "that it is silent when all is well")
		require.Contains(t, tests, `alertname="`+r.Alert+`"`, "that it fires")
	}
	require.Len(t, names, 12)
	var documented []string
	for _, heading := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(page, -1) {
		documented = append(documented, heading[1])
	}
	require.ElementsMatch(t, names, documented)
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has promtool")
		t.Skip("NOT TESTED: no promtool (Debian: apt-get install prometheus)")
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "../../docs/observe/alerts.yml"},
		{"test", "rules", "../../docs/observe/alerts_test.yml"},
	} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}

func TestEachPanelSaysWhatItShowsAndInWhichUnit(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title, Description string
			Targets            []struct{ Expr string }
			FieldConfig        struct {
				Defaults struct {
					Unit     string
					Mappings []any
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(readFile(t, "observe/grafana/mlcache.json")), &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	for _, p := range dashboard.Panels {
		require.NotEmpty(t, p.Description, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		if p.FieldConfig.Defaults.Unit == "none" {
			require.NotEmpty(t, p.FieldConfig.Defaults.Mappings, "%s: words in place of 0 and 1", p.Title)
		}
		for _, target := range p.Targets {
			require.NotContains(t, target.Expr, "job=", p.Title)
		}
	}
}
