//go:build fleet

package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// lag is how far the replica is behind that the rows come from.
const lag = 2 * time.Second

// TestFleetStoresNothingOlderFromALaggingReplica has rows from the replica and changes
// from the primary, whose versions are all that tells which of them an answer has seen.
func TestFleetStoresNothingOlderFromALaggingReplica(t *testing.T) {
	t.Parallel()
	for name, route := range map[string]func(*testing.T, database) stockRoute{
		"versions of rows, by a change table": fromReplica(fromChangeTable("PostgreSQL", "NEW.n")),
		"positions in the WAL":                fromReplica(positionsOfWAL),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			through(t, followed{
				ttlWithoutChanges: 15 * lag, // a proof takes three times the lag
				isMonotone:        true,
				rowVersions:       strings.HasPrefix(name, "versions of rows"),
				start:             stockPostgres,
				route:             route,
			})
		})
	}
}

// fromReplica starts the replica, after what the route creates in the primary.
func fromReplica(primary func(*testing.T, database) stockRoute) func(*testing.T, database) stockRoute {
	return func(t *testing.T, server database) stockRoute {
		r := primary(t, server)
		r.changes = strings.Replace(r.changes, "{", fmt.Sprintf("{dsn: %q, ", server.DSN()), 1)
		replica := server.(*sqltest.Postgres).StartReplica(fmt.Sprintf("recovery_min_apply_delay=%d", lag.Milliseconds()))
		r.dsn = replica.DSN()
		return r
	}
}

// positionsOfWAL has each row with a position that was read before it, as docs/changes.md
// says.
func positionsOfWAL(_ *testing.T, server database) stockRoute {
	server.Exec(`CREATE FUNCTION stock_of(wanted int) RETURNS TABLE (n int, mark bigint, _version bigint) LANGUAGE plpgsql VOLATILE AS $$
		DECLARE
			seen pg_lsn := pg_last_wal_replay_lsn();
		BEGIN
			RETURN QUERY SELECT s.n, s.mark, (seen - '0/0')::bigint FROM stock s WHERE s.id = wanted;
		END $$`)
	return stockRoute{
		query:   "SELECT n, mark, _version FROM stock_of(:key)",
		changes: `{type: postgres, table: public.stock, key: "stock:{id}", slot: mlcache, versions: true}`,
	}
}

// belowFloor names the rows that Redis has with a lower version than their floor, as of
// one moment.
const belowFloor = `
local found = ''
for id = 1, tonumber(ARGV[1]) do
	local name = 'mlc:{stock:' .. id .. '}'
	local value, floor = redis.call('GET', name), redis.call('GET', name .. ':floor')
	if value and floor and tonumber(string.match(value, '"n":(%d+)')) < tonumber(floor) then
		found = found .. name .. ' is below ' .. floor .. ': ' .. value .. ' '
	end
end
return found`

// requireFloors checks until over is closed that nothing is stored below its floor, where
// versions are the numbers of rows.
func (s *stock) requireFloors(f *fleet, over <-chan struct{}) {
	for !isClosed(over) && !s.t.Failed() {
		if found, err := f.redis.Try("EVAL", belowFloor, "0", strconv.Itoa(stockRows)); err == nil {
			assert.Empty(s.t, strings.TrimSpace(found))
		}
		time.Sleep(100 * time.Millisecond)
	}
}
