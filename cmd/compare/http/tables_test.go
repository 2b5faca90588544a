package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sample has medians of 95, 100 and 80 requests/s.
func sample() results {
	return results{
		nameL1:          {{perSecond: 90}, {perSecond: 99}, {perSecond: 95, p99: 2 * time.Millisecond, cpu: 10500}},
		nameBare:        {{perSecond: 100, cpu: 10000}},
		nameL2:          {{perSecond: 80, cpu: 6e6, redisCPU: 4e6}},
		nameBareRueidis: {{perSecond: 100}},
		nameTraced:      {{perSecond: 86}},
		nameAlone:       {{p99: 2 * time.Millisecond}},
		nameBeside:      {{p99: 3 * time.Millisecond, loads: 1280}},
	}
}

func TestGoalsAreRatiosOfMedians(t *testing.T) {
	assert.Equal(t, [][]string{
		{"", "measured", "goal", "reached"},
		{"requests/s, L1 hit ÷ bare Gin", "0.950", "≥ 1.00", "no"},
		{"requests/s, L1 hit ÷ nginx proxy_cache", "–", "≥ 1.10", "–"},
		{"requests/s, L1 hit ÷ Varnish", "–", "≥ 1.20", "–"},
		{"requests/s, L1 hit, 1% traced ÷ untraced", "0.905", "≥ 0.90", "yes"},
		{"requests/s, L2 hit ÷ bare Gin, one rueidis GET", "0.800", "≥ 1.40", "no"},
		{"requests/s, L2 hit, 50 keys ÷ bare Gin, one rueidis GET", "–", "≥ 1.00", "–"},
		{"requests/s, L2 hit ÷ bare Gin, one go-redis GET", "–", "≥ 1.40", "–"},
		{"p99, L1 hits while 1,000 other keys load ÷ without", "1.500", "≤ 1.50", "yes"},
		{"p50, one client: L2 hit ÷ bare Gin, one go-redis GET", "–", "≤ 1.10", "–"},
	}, sample().goalTable().Rows)
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
		{"ours, L1 hit, 1% traced", "86", "0.86", "0.00", "0.0", "", "0%"},
	}, tables[0].Rows)
	assert.Equal(t, []string{"Between rounds, requests/s differ by at most 9% (ours, L1 hit)."}, tables[0].Notes)
	assert.Equal(t, "1280", tables[1].Rows[2][4])
	assert.Equal(t, "Goals", tables[2].Title)
	withoutBare := results{nameL1: {{perSecond: 1}}}.tables(subjects(), 2)
	assert.Equal(t, "–", withoutBare[0].Rows[1][2])
}
