package main

import "testing"

func TestFleetFollowsTheChangesOfPostgreSQL(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]string{
		"temporary slot": `{type: postgres, table: public.stock, key: "stock:{id}"}`,
		"named slot":     `{type: postgres, table: public.stock, key: "stock:{id}", slot: mlcache}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := startStock(t, 3, changes)
			f.leader()
			s.traffic(f, func() {
				s.awaitProofs(f)
				s.server.KillAll()
				s.server.Restart()
				s.awaitProofs(f)
				f.members[f.leader()].Kill()
				f.leader()
				s.awaitProofs(f)
			})
		})
	}
}
