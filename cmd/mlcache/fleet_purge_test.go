//go:build fleet

package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// tagging has an origin give values tags: those after the key's first slash.
func tagging() cachetest.Plan {
	return cachetest.Plan{How: func(o *cachetest.Origin, w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.URL.Path, "/v/")
		_, tags, _ := strings.Cut(key, "/")
		w.Header().Set("Surrogate-Key", strings.ReplaceAll(tags, "/", " "))
		_, _ = io.WriteString(w, cachetest.ValueOf(key, o.Version(key)))
	}}
}

// purge has the instance purge what the body says.
func (p *process) purge(body string) {
	p.t.Helper()
	r := p.do(http.MethodPost, "/purge", body, "Content-Type", "application/json")
	require.Equal(p.t, http.StatusOK, r.status, r.body)
}

func TestFleetPurgesATagOnAllInstances(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]struct {
		rtt    time.Duration
		before func(f *fleet, proxy *redistest.Proxy) (after func())
	}{
		"near":                    {},
		"far":                     {rtt: farAway},
		"while one is deaf":       {before: func(f *fleet, proxy *redistest.Proxy) func() { return f.unsubscribe(proxy) }},
		"after Redis was emptied": {before: func(f *fleet, _ *redistest.Proxy) func() { f.redis.Command("FLUSHALL"); return func() {} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, proxy := startFarFleet(t, way.rtt, 3, "--l2-timeout=10s", "--ttl=1h", "--refresh-ahead=0")
			f.origin.Answer("", tagging())
			const keys = 20
			key := func(i int) string { return fmt.Sprintf("%d/all/%d", i, i%2) }
			for i := range keys {
				f.origin.Change(key(i), 1)
				for _, p := range f.members {
					require.Equal(t, 1, cachetest.VersionOf(p.ask(key(i)).body))
				}
			}
			for i := range keys {
				f.origin.Change(key(i), 2)
			}
			after := func() {}
			if way.before != nil {
				after = way.before(f, proxy)
			}
			f.members[0].purge(`{"tags":["0"]}`)
			for i := range keys {
				for n, p := range f.members {
					want := 2 - i%2
					if n == 0 {
						got := cachetest.VersionOf(p.ask(key(i)).body)
						require.GreaterOrEqual(t, got, want, "at once where it was purged")
						require.True(t, got == want || way.before != nil, "nothing else is purged")
						continue
					}
					eventually(t, "the others are told", func() bool { return cachetest.VersionOf(p.ask(key(i)).body) >= want })
				}
			}
			after()
			f.members[1].purge(`{"all":true}`)
			for i := range keys {
				for _, p := range f.members {
					eventually(t, "the others are told", func() bool { return cachetest.VersionOf(p.ask(key(i)).body) == 2 })
				}
			}
		})
	}
}
