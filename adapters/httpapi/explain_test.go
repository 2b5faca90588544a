package httpapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestExplainTellsHowFarTheChangesOfTheRouteAreAndWhetherACopyDiffered(t *testing.T) {
	find := func(name string) ports.Find {
		key, err := domain.ParseKey(name)
		require.NoError(t, err)
		return ports.Find{Key: key, After: 10 * time.Second, At: time.Now().Add(-time.Hour)}
	}
	route := func(name string, behind time.Duration, finds ...ports.Find) ports.RouteActivity {
		return ports.RouteActivity{Name: name, Activity: ports.Activity{
			Changes: &ports.ChangeActivity{Up: true, Leads: true, Behind: behind}, Inspected: &ports.Inspected{Finds: finds},
		}}
	}
	p := &parts{x: domain.Explanation{Route: "b"}, now: ports.Activity{Routes: []ports.RouteActivity{
		route("a", time.Hour, find("other")), route("b", 1500*time.Millisecond, find("x"), find("k")),
	}}}
	var got httpapi.Explanation
	require.NoError(t, json.Unmarshal(do(t, p.api(), "GET", "/explain/k").Body.Bytes(), &got))
	require.Equal(t, &monitor.Changes{Up: true, Leads: true, Behind: 1.5}, got.Changes)
	require.Equal(t, 10.0, got.Find.After)
	require.InDelta(t, 3600, got.Find.Ago, 60)
	require.Empty(t, got.Find.Key)
	got = httpapi.Explanation{}
	require.NoError(t, json.Unmarshal(do(t, p.api(), "GET", "/explain/other").Body.Bytes(), &got))
	require.Nil(t, got.Find, "that is another route's")
	p.x.Route, p.now = "", ports.Activity{Inspected: &ports.Inspected{Finds: []ports.Find{find("k")}}}
	require.Contains(t, do(t, p.api(), "GET", "/explain/k").Body.String(), `"differed":{"after":10,"ago":36`)
}
