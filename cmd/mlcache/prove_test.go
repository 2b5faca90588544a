package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/mlcache/prove"
)

func TestFleetProvesItsPromises(t *testing.T) {
	t.Parallel()
	redistest.Start(t) // or the test is skipped
	for _, scenario := range prove.Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			// The bounds in time are for measurements: this machine may be busy.
			report := prove.Run(t.Context(), []prove.Scenario{scenario}, prove.Options{Program: testProgram(os.Args[0]), Slack: time.Minute})
			result := report.Results[0]
			require.NotEmpty(t, result.Claims)
			for _, c := range result.Claims {
				assert.True(t, c.Kept, "%s: %s", c.Says, c.Seen)
			}
			require.Equal(t, prove.Kept, result.Verdict, result.Reason)
		})
	}
}
