package prove

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"
)

// Verdict is what came of a scenario.
type Verdict string

// Verdicts.
const (
	Kept   Verdict = "kept"
	Broken Verdict = "broken"
	NotRun Verdict = "not run"
)

// Result is what came of a scenario, and why.
type Result struct {
	Scenario string        `json:"scenario"`
	Promise  string        `json:"promise"`
	Verdict  Verdict       `json:"verdict"`
	Reason   string        `json:"reason,omitempty"` // why it was not run
	Claims   []Claim       `json:"claims,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// Report is what came of all that were played.
type Report struct {
	Version string    `json:"version"`
	Began   time.Time `json:"began"`
	Machine string    `json:"machine"`
	Redis   string    `json:"redis"`
	Results []Result  `json:"results"`
}

// Options are those of Run.
type Options struct {
	Program Program
	Version string // of the program
	// Slack is what a busy machine may add to a bound in time.
	Slack time.Duration
	// Played is called after each scenario; nil: nothing is.
	Played func(Result)
}

// Run plays the scenarios one after the other, until ctx ends. Those that are left then
// are not run.
func Run(ctx context.Context, scenarios []Scenario, o Options) Report {
	r := Report{Version: o.Version, Began: time.Now().UTC(), Machine: fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Redis: redisVersion()}
	for _, scenario := range scenarios {
		result := Result{Scenario: scenario.Name, Promise: scenario.Promise, Verdict: NotRun}
		switch {
		case ctx.Err() != nil:
			result.Reason = "interrupted"
		case r.Redis == "":
			result.Reason = "it needs redis-server on the PATH (Debian: apt-get install redis-server)"
		default:
			began := time.Now()
			s := &stage{program: o.Program, slack: o.Slack, end: began.Add(time.Minute + 10*o.Slack)}
			s.play(ctx, scenario.play)
			if result.Took = time.Since(began); ctx.Err() != nil {
				result.Reason = "interrupted"
				break
			}
			result.Verdict, result.Reason, result.Claims = s.verdict()
		}
		r.Results = append(r.Results, result)
		if o.Played != nil {
			o.Played(result)
		}
	}
	return r
}

// redisVersion returns what redis-server says of itself, or nothing if there is none.
func redisVersion() string {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return ""
	}
	var version string
	if _, err := fmt.Sscanf(string(out), "Redis server v=%s", &version); err != nil {
		return "unknown"
	}
	return version
}

// Count returns how many scenarios ended so.
func (r Report) Count(v Verdict) (n int) {
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// WriteJSON writes the report as one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report in Markdown, for people.
func (r Report) WriteText(w io.Writer) error {
	p := &printer{w: w}
	p.f("# Proof\n\nmlcache %s on %s with Redis %s, %s: **%d promises kept, %d broken, %d not tried.**\n",
		r.Version, r.Machine, r.Redis, r.Began.Format("2006-01-02 15:04 MST"), r.Count(Kept), r.Count(Broken), r.Count(NotRun))
	p.f("\n| promise | verdict | scenario |\n|--|--|--|\n")
	for _, result := range r.Results {
		p.f("| %s | %s | %s |\n", result.Promise, result.Verdict, result.Scenario)
	}
	for _, result := range r.Results {
		p.f("\n## %s: %s\n\n%s, in %v.\n", result.Scenario, result.Verdict, upper(result.Promise), result.Took.Round(100*time.Millisecond))
		if result.Reason != "" {
			p.f("\n%s\n", upper(result.Reason))
			continue
		}
		p.f("\n| | claim | seen |\n|--|--|--|\n")
		for _, c := range result.Claims {
			p.f("| %s | %s | %s |\n", map[bool]string{true: "✓", false: "✗"}[c.Kept], cell(c.Says), cell(c.Seen))
		}
	}
	return p.err
}

// printer remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
