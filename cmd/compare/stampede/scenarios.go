package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/rounds"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

// scenario is a row.
type scenario struct {
	id    string // its short name
	title func(config) string
	run   func(ctx context.Context, f *fleet) (outcome, error)
	cell  func(config, outcome) string
}

// outcome is what one or several rounds showed. A scenario fills what it is about.
type outcome struct {
	calls   []int           // of the source, for each key
	waits   []time.Duration // of each caller after the load
	delays  []time.Duration // of each trial: see the scenario
	failed  int             // callers or reads that got an error
	of      int             // callers or reads
	stale   int             // trials in which an old value came back
	trials  int
	answers []time.Duration // to callers of keys that are or were in memory
}

func (o *outcome) add(more outcome) {
	o.calls = append(o.calls, more.calls...)
	o.waits = append(o.waits, more.waits...)
	o.delays = append(o.delays, more.delays...)
	o.answers = append(o.answers, more.answers...)
	o.failed, o.of = o.failed+more.failed, o.of+more.of
	o.stale, o.trials = o.stale+more.stale, o.trials+more.trials
}

// The rows, by their short names.
const (
	idCold        = "cold"
	idWait        = "wait"
	idFailing     = "failing"
	idKilled      = "killed"
	idDeleted     = "deleted"
	idInvalidated = "invalidated"
	idMissed      = "missed"
	idGone        = "gone"
	idHung        = "hung"
)

func scenarios() []scenario {
	return []scenario{
		{idCold, func(c config) string { return fmt.Sprintf("source calls per cold key, %d callers", c.callers) }, cold, callsCell},
		{idWait, func(config) string { return "callers' extra wait after the first load, p99" }, cold, waitCell},
		{idFailing, func(c config) string { return fmt.Sprintf("source calls per failing key, %d callers", c.callers) }, failure, failureCell},
		{idKilled, func(config) string { return "loading process killed: others have the value after" }, killed, killedCell},
		{idDeleted, func(config) string { return "a DELETE during the load: the old value comes back" }, deleted, staleCell},
		{idInvalidated, func(config) string { return "a DELETE elsewhere: memory serves the old value for" }, invalidated, delayCell},
		{idMissed, func(config) string { return "the same while the link to Redis is cut for 1 s" }, missed, delayCell},
		{idGone, func(config) string { return "Redis gone: a cold key · one in memory, slowest" }, gone, goneCell},
		{idHung, func(config) string { return "Redis hangs: a cold key · one in memory, slowest" }, hung, goneCell},
	}
}

// measure runs a scenario once, with a fleet of its own.
func (b *bench) measure(ctx context.Context, c cell) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	f, err := b.newFleet(ctx, c.rival)
	if err != nil {
		return outcome{}, err
	}
	defer f.close()
	return c.scenario.run(ctx, f)
}

// results are the outcomes of all rounds, by row and column.
type results map[[2]string]*outcome

func (r results) add(c cell, o outcome) {
	at := [2]string{c.scenario.id, c.rival.name}
	if r[at] == nil {
		r[at] = &outcome{}
	}
	r[at].add(o)
}

// table returns what was found, a column for each loader.
func (r results) table(c config, rows []scenario, columns []rival) table.Table {
	t := table.Table{Title: fmt.Sprintf("%d processes on one Redis", instances), Rows: [][]string{{""}}}
	for _, column := range columns {
		t.Rows[0] = append(t.Rows[0], column.name)
	}
	for _, s := range rows {
		row := append(make([]string, 0, 1+len(columns)), s.title(c))
		for _, column := range columns {
			text := column.without[s.id]
			if o := r[[2]string{s.id, column.name}]; o != nil {
				text = s.cell(c, *o)
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// The cells. Counts are means over the keys; times are medians over the trials, or
// what their row says.

func callsCell(_ config, o outcome) string {
	return means(o.calls) + failedPart(o)
}

func waitCell(_ config, o outcome) string { return quantile(o.waits, 0.99) + failedPart(o) }

// failureCell says how long the callers of a failing key waited as well, if it was
// longer than one call takes.
func failureCell(c config, o outcome) string {
	text := means(o.calls)
	if longest := slices.Max(o.delays); longest > 2*c.latency {
		text += fmt.Sprintf(", up to %s", seconds(longest))
	}
	return text
}

func killedCell(_ config, o outcome) string {
	return fmt.Sprintf("%s, %s calls", quantile(o.delays, 0.5), means(o.calls)) + failedPart(o)
}

func staleCell(_ config, o outcome) string {
	if o.stale == 0 {
		return fmt.Sprintf("no (0 of %d)", o.trials)
	}
	return fmt.Sprintf("yes (%d of %d)", o.stale, o.trials)
}

func delayCell(c config, o outcome) string {
	text := quantile(o.delays, 0.5)
	if slices.Max(o.delays) > c.ttl*9/10 {
		text += " (its TTL)"
	}
	if longest := slices.Max(o.answers); longest > 2*c.latency {
		text += ", reads wait " + seconds(longest)
	}
	return text + failedPart(o)
}

func goneCell(_ config, o outcome) string {
	cold := "errors after " + seconds(slices.Max(o.delays))
	if o.failed == 0 {
		cold = seconds(slices.Max(o.delays))
	}
	return cold + " · " + seconds(slices.Max(o.answers))
}

// failedPart says how many got an error, if any did.
func failedPart(o outcome) string {
	if o.failed == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f%% errors", 100*float64(o.failed)/float64(o.of))
}

// means returns the mean, and the most if that is not the same.
func means(counts []int) string {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if most := slices.Max(counts); sum != most*len(counts) {
		return fmt.Sprintf("%.1f, up to %d", float64(sum)/float64(len(counts)), most)
	}
	return strconv.Itoa(counts[0])
}

func quantile(all []time.Duration, share float64) string {
	if len(all) == 0 {
		return table.None
	}
	if share == 0.5 {
		floats := make([]float64, len(all))
		for i, d := range all {
			floats[i] = float64(d)
		}
		return seconds(time.Duration(rounds.Median(floats)))
	}
	slices.Sort(all)
	return seconds(all[int(share*float64(len(all)-1))])
}

// seconds writes a time with what can be told of it.
func seconds(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "< 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
