package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheMedianIsTheMiddleOrBetweenTheTwo(t *testing.T) {
	assert.Zero(t, median(nil))
	assert.Equal(t, 3.0, median([]float64{9, 1, 3}))
	assert.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
}

// sample has medians of 95, 100 and 80 requests/s.
func sample() results {
	return results{
		nameL1:          {{perSecond: 90}, {perSecond: 99}, {perSecond: 95, p99: 2 * time.Millisecond, cpu: 10500}},
		nameBare:        {{perSecond: 100, cpu: 10000}},
		nameL2:          {{perSecond: 80, cpu: 6e6, redisCPU: 4e6}},
		nameBareRueidis: {{perSecond: 100}},
		nameAlone:       {{p99: 2 * time.Millisecond}},
		nameBeside:      {{p99: 3 * time.Millisecond, loads: 1280}},
	}
}

func TestGoalsAreRatiosOfMedians(t *testing.T) {
	assert.Equal(t, [][]string{
		{"", "measured", "goal", "reached"},
		{"requests/s, L1 hit ÷ bare Gin", "0.950", "≥ 0.95", "yes"},
		{"requests/s, L1 hit ÷ nginx proxy_cache", "–", "≥ 1.00", "–"},
		{"requests/s, L1 hit ÷ Varnish", "–", "≥ 1.10", "–"},
		{"requests/s, L2 hit ÷ bare Gin, one rueidis GET", "0.800", "≥ 1.00", "no"},
		{"requests/s, L2 hit ÷ bare Gin, one go-redis GET", "–", "≥ 1.40", "–"},
		{"p99, L1 hits while 1,000 other keys load ÷ without", "1.500", "≤ 1.50", "yes"},
		{"p50, one client: L2 hit ÷ bare Gin, one go-redis GET", "–", "≤ 1.20", "–"},
	}, sample().goalTable().rows)
}

func TestEachSubjectHasARowAndIsComparedWithBareGin(t *testing.T) {
	tables := sample().tables(subjects(), 2)
	require.Len(t, tables, 3, "nothing was measured of a single client")
	assert.Equal(t, [][]string{
		{"", "requests/s", "× bare Gin", "p99 (ms)", "CPU µs per request", "Redis's", "busy"},
		{"bare Gin", "100", "1.00", "0.00", "10.0", "", "0%"},
		{"bare Gin, one rueidis GET", "100", "1.00", "0.00", "0.0", "0.0", "0%"},
		{"ours, L1 hit", "95", "0.95", "0.00", "0.0", "", "0%"},
		{"ours, L2 hit", "80", "0.80", "0.00", "6000.0", "4000.0", "40%"},
	}, tables[0].rows)
	assert.Equal(t, []string{"Between rounds, requests/s differ by at most 9% (ours, L1 hit)."}, tables[0].notes)
	assert.Equal(t, "1280", tables[1].rows[2][4])
	assert.Equal(t, "Goals", tables[2].title)
	withoutBare := results{nameL1: {{perSecond: 1}}}.tables(subjects(), 2)
	assert.Equal(t, "–", withoutBare[0].rows[1][2])
}

func TestTablesAreWrittenAsTextAndAsMarkdown(t *testing.T) {
	sample := table{"Title", [][]string{{"", "×", "b"}, {"größer", "1", "22"}}, []string{"note"}}
	var text, markdown strings.Builder
	require.NoError(t, sample.write(&text, formatText))
	assert.Equal(t, "Title\n        ×   b\ngrößer  1  22\nnote\n\n", text.String())
	require.NoError(t, sample.write(&markdown, formatMarkdown))
	assert.Equal(t, "**Title**\n\n|        | × |  b |\n|--|--:|--:|\n| größer | 1 | 22 |\n\nnote\n\n", markdown.String())
}

func TestSubjectsTakeTurnsInAnOrderOfEachRound(t *testing.T) {
	var orders [3]string
	did := 0
	all, err := config{rounds: 3}.compare(t.Context(), subjects(), io.Discard, func(_ context.Context, s subject) (outcome, error) {
		orders[did/len(subjects())] += s.name + ";"
		did++
		return outcome{}, nil
	})
	require.NoError(t, err)
	assert.Len(t, all[nameBare], 3)
	assert.NotEqual(t, orders[0], orders[1])
	assert.NotEqual(t, orders[1], orders[2])
}

func TestTheFirstFailureEndsTheComparison(t *testing.T) {
	did := 0
	_, err := config{rounds: 3}.compare(t.Context(), subjects(), io.Discard, func(context.Context, subject) (outcome, error) {
		did++
		return outcome{}, errors.New("no")
	})
	assert.EqualError(t, err, "no")
	assert.Equal(t, 1, did)
}
