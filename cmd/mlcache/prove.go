package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/mlcache/prove"
)

// proveCommand is what "mlcache prove" takes.
type proveCommand struct {
	Scenario []string      `help:"Play that one only; may be given several times." placeholder:"NAME"`
	JSON     bool          `name:"json" help:"Print the report as JSON."`
	Slack    time.Duration `default:"2s" help:"What a busy machine may add to a bound in time."`
}

// proof plays the scenarios with this program, prints the report, and returns an error
// unless all promises were kept.
func proof(ctx context.Context, c proveCommand, stdout, stderr io.Writer) error {
	scenarios := prove.Scenarios()
	if len(c.Scenario) > 0 {
		scenarios = slices.DeleteFunc(scenarios, func(s prove.Scenario) bool { return !slices.Contains(c.Scenario, s.Name) })
	}
	for _, name := range c.Scenario {
		if !slices.ContainsFunc(scenarios, func(s prove.Scenario) bool { return s.Name == name }) {
			return usageError{fmt.Errorf("there is no scenario %q, but %s", name, strings.Join(scenarioNames(), ", "))}
		}
	}
	path, err := os.Executable()
	if err != nil {
		return err
	}
	report := prove.Run(ctx, scenarios, prove.Options{
		Program: prove.Program{Path: path}, Version: programVersion(), Slack: c.Slack,
		Played: func(r prove.Result) {
			_, _ = fmt.Fprintf(stderr, "%-17s %-8s %6.1fs\n", r.Scenario, r.Verdict, r.Took.Seconds())
		},
	})
	write := report.WriteText
	if c.JSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if kept := report.Count(prove.Kept); kept < len(scenarios) {
		return fmt.Errorf("%d promises broken, %d not tried, of %d", report.Count(prove.Broken), report.Count(prove.NotRun), len(scenarios))
	}
	return nil
}

func scenarioNames() (names []string) {
	for _, s := range prove.Scenarios() {
		names = append(names, s.Name)
	}
	return names
}
