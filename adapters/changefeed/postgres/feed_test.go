package postgres

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// TestOneServer is for all that does not stop the server.
func TestOneServer(t *testing.T) {
	server := sqltest.StartPostgres(t, logical)
	for name, test := range map[string]func(*testing.T, *sqltest.Postgres){
		"the keys of new, old and other rows":              rowsNameTheirKeys,
		"a transaction is one change":                      transactionsAreOneChange,
		"the version is the end of the commit":             versionsAreLSNs,
		"a slot continues where apply ended":               slotsContinue,
		"a temporary slot begins with all":                 temporarySlotsBeginWithAll,
		"what apply refused is repeated":                   refusedChangesAreRepeated,
		"a change of all that was refused is repeated":     refusedAllIsRepeated,
		"an idle feed acknowledges and is not behind":      idleFeedsAcknowledge,
		"a slow apply loses neither connection nor change": slowApply,
		"an identity without the key":                      identitiesWithoutTheKey,
		"an identity that loses the key":                   identitiesThatLoseTheKey,
		"large unchanged key columns":                      unchangedToast,
		"partitions":                                       partitions,
		"other tables":                                     otherTables,
		"definitions that change":                          definitionsThatChange,
		"a table that takes the name":                      tablesThatTakeTheName,
		"a publication without the table":                  publicationsThatLoseATable,
		"a publication that was there":                     publicationsThatAreThere,
		"a role with few rights":                           rolesWithFewRights,
		"a slot in use is taken over":                      takeOver,
		"a slot of others":                                 slotsOfOthers,
		"a server that goes silent":                        silentServers,
		"the retained WAL":                                 retainedWAL,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

func rowsNameTheirKeys(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE rows (id int, country text, note text, PRIMARY KEY (id, country))")
	f := follow(t, newFeed(t, server.DSN(), "public.rows", "{country}/{id}"))
	f.all()
	server.Exec("INSERT INTO rows VALUES (1, 'de', 'x')")
	require.Less(t, f.keys("de/1").Behind, patience)
	server.Exec("UPDATE rows SET note = NULL")
	f.keys("de/1")
	server.Exec("UPDATE rows SET country = 'fr'")
	f.keys("de/1", "fr/1")
	server.Exec("INSERT INTO rows VALUES (2, E'no\\nkey', 'x'), (3, 'é', 'x')")
	f.keys("é/3")
	server.Exec("DELETE FROM rows WHERE id = 1")
	f.keys("fr/1")
	server.Exec("TRUNCATE rows")
	for f.all().Version == 0 { // a look at the catalog may be first
	}
	f.stopped()
	require.Eventually(t, func() bool { // the server drops it when it notices
		return value[int](t, server, "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'mlcache%'") == 0
	}, patience, 10*time.Millisecond)
}

func transactionsAreOneChange(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE many (id int PRIMARY KEY)")
	f := follow(t, newFeed(t, server.DSN(), "public.many", "{id}", func(o *Options) { o.MaxKeys = 3 }))
	f.all()
	server.Exec("INSERT INTO many SELECT generate_series(1, 3)")
	require.Len(t, f.keys("1", "2", "3").Keys, 3)
	server.Exec("INSERT INTO many SELECT generate_series(4, 7)")
	f.all()
	server.Exec("DO $$ BEGIN INSERT INTO many VALUES (8); RAISE 'rolled back'; EXCEPTION WHEN OTHERS THEN NULL; END $$", "INSERT INTO many VALUES (9)")
	f.keys("9")
}

func versionsAreLSNs(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE versions (id int PRIMARY KEY)")
	f := follow(t, newFeed(t, server.DSN(), "public.versions", "{id}"))
	f.all()
	var before string // in the transaction, where its commit may begin
	tx, err := server.Open().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, tx.QueryRowContext(t.Context(), "INSERT INTO versions VALUES (1) RETURNING 1").Scan(new(int)))
	require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT pg_current_wal_insert_lsn()::text").Scan(&before))
	require.NoError(t, tx.Commit())
	after := value[string](t, server, "SELECT pg_current_wal_insert_lsn()::text")
	one := f.keys("1").Version
	require.Greater(t, one, position(t, before))
	require.LessOrEqual(t, one, position(t, after))
	server.Exec("UPDATE versions SET id = 1")
	require.Greater(t, f.keys("1").Version, one)
}

func position(t *testing.T, text string) uint64 {
	t.Helper()
	lsn, err := pglogrepl.ParseLSN(text)
	require.NoError(t, err)
	return uint64(lsn)
}

func slotsContinue(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE kept (id int PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
	feed := newFeed(t, server.DSN(), "public.kept", "{id}", slotted("kept"))
	f := follow(t, feed)
	f.all()
	stopped := func() { // a successor that comes before the server has noticed ends the session, and what it acknowledged last
		f.stopped()
		require.Eventually(t, func() bool {
			return value[int](t, server, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'kept' AND active") == 0
		}, patience, 10*time.Millisecond)
	}
	server.Exec("INSERT INTO kept VALUES (2)")
	f.keys("2")
	stopped()
	server.Exec("INSERT INTO kept VALUES (3)")
	f = follow(t, feed)
	f.keys("3") // and neither 2 nor all
	stopped()
	f = follow(t, feed)
	f.idle()
}

func temporarySlotsBeginWithAll(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE brief (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.brief", "{id}")
	for range 2 {
		f := follow(t, feed)
		require.True(t, f.next().All)
		f.stopped()
	}
}

func refusedChangesAreRepeated(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE refused (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.refused", "{id}", slotted("refused"))
	f := follow(t, feed)
	f.all()
	f.applies(func(_ context.Context, c ports.Change) error {
		if len(c.Keys) > 0 {
			return errApply
		}
		return nil
	})
	server.Exec("INSERT INTO refused VALUES (1)")
	require.Equal(t, errApply, f.end())
	for range 2 {
		f = follow(t, feed)
		f.applies(func(context.Context, ports.Change) error { return errApply })
		require.Equal(t, errApply, f.end())
	}
	follow(t, feed).keys("1")
}

// Before the change of all is applied, nothing is there that another could continue.
func refusedAllIsRepeated(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE again (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.again", "{id}", slotted("again"))
	for range 2 {
		err := feed.Follow(t.Context(), func(_ context.Context, c ports.Change) error {
			require.True(t, c.All)
			return errApply
		})
		require.Equal(t, errApply, err)
	}
	f := follow(t, feed)
	f.applies(func(_ context.Context, c ports.Change) error {
		if c.All {
			server.Exec("INSERT INTO again VALUES (1)")
		}
		return nil
	})
	f.all()
	f.keys("1")
	require.Eventually(t, func() bool { // the server drops those of feeds that have ended when it notices
		return value[string](t, server, "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE slot_name = 'again' OR temporary") == "again"
	}, patience, 10*time.Millisecond)
}

func idleFeedsAcknowledge(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE idle (id int PRIMARY KEY)", "CREATE TABLE busy (id int)")
	f := follow(t, newFeed(t, server.DSN(), "public.idle", "{id}", slotted("idle")))
	f.begins()
	server.Exec("INSERT INTO busy SELECT generate_series(1, 1000)")
	written := value[string](t, server, "SELECT pg_current_wal_insert_lsn()::text")
	confirmed := func() bool {
		return value[bool](t, server, "SELECT confirmed_flush_lsn >= $1::pg_lsn FROM pg_replication_slots WHERE slot_name = 'idle'", written)
	}
	for deadline := time.Now().Add(patience); !confirmed(); {
		require.True(t, time.Now().Before(deadline), "nothing is acknowledged")
		require.Less(t, f.idle().Behind, patience/2)
	}
}

// patientTimeout is as short as a test can wait for, and longer than the standstills of
// a busy machine.
const patientTimeout = 4 * minTimeout

func patient(o *Options) { o.Timeout = patientTimeout }

func slowApply(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE slow (id int PRIMARY KEY)")
	f := follow(t, newFeed(t, server.DSN(), "public.slow", "{id}", slotted("slow"), patient))
	f.all()
	var calls atomic.Int64
	f.applies(func(context.Context, ports.Change) error { calls.Add(1); return nil })
	require.Eventually(t, func() bool { return calls.Load() > int64(cap(f.changes)) }, patience, time.Millisecond) // the last one waits
	const ofSlot = " FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = 'slow'"
	one := value[int](t, server, "SELECT pid"+ofSlot)
	server.Exec("INSERT INTO slow VALUES (1)", "INSERT INTO slow VALUES (2)")
	written := value[time.Time](t, server, "SELECT clock_timestamp()")
	require.Eventually(t, func() bool { // it goes on to answer the server, for longer than its Timeout
		return value[time.Time](t, server, "SELECT reply_time"+ofSlot).After(written.Add(patientTimeout + 2*heartbeat))
	}, patience, 10*time.Millisecond)
	server.Exec("INSERT INTO slow VALUES (3)")
	c := f.idle()
	for len(c.Keys) == 0 {
		c = f.next()
	}
	require.GreaterOrEqual(t, len(c.Keys), 2, "they do not wait for each other")
	require.Greater(t, c.Behind, patientTimeout)
	server.Exec("INSERT INTO slow VALUES (4)")
	for last := "4"; !slices.Contains(names(c), last); {
		c = f.next()
	}
	require.Equal(t, one, value[int](t, server, "SELECT pid"+ofSlot))
}

func otherTables(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE SCHEMA shop", "CREATE TABLE shop.a (id int PRIMARY KEY)", "CREATE TABLE shop.b (id int PRIMARY KEY, sku text UNIQUE NOT NULL)",
		"ALTER TABLE shop.b REPLICA IDENTITY USING INDEX b_sku_key", `CREATE TABLE shop."C d" (id int PRIMARY KEY)`, "CREATE PUBLICATION shop FOR ALL TABLES")
	f := follow(t, newFeed(t, server.DSN(), "shop.a", "a{id}", func(o *Options) {
		o.Publication, o.Tables["shop.b"], o.Tables["shop.C d"] = "shop", "b{sku}", "c{id}"
	}))
	f.all()
	server.Exec("CREATE TABLE shop.e (id int PRIMARY KEY)", "INSERT INTO shop.e VALUES (1)", "TRUNCATE shop.e",
		"INSERT INTO shop.a VALUES (1)", "INSERT INTO shop.b VALUES (1, 'x')", `INSERT INTO shop."C d" VALUES (1)`, "UPDATE shop.b SET sku = 'y'")
	f.keys("a1", "bx", "c1", "by")
	f.stopped()
	server.Exec("DROP PUBLICATION shop") // which has the tables of all tests
}

func slotsOfOthers(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE others (id int PRIMARY KEY)", "SELECT pg_create_logical_replication_slot('others', 'test_decoding')")
	err := follow(t, newFeed(t, server.DSN(), "public.others", "{id}", slotted("others"))).end()
	require.EqualError(t, err, "postgres changes: the replication slot others is of another plug-in or database")
	server.Exec("SELECT pg_drop_replication_slot('others')")
}

func takeOver(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE taken (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.taken", "{id}", slotted("taken"))
	old := follow(t, feed)
	old.begins()
	f := follow(t, feed)
	require.ErrorContains(t, old.end(), "terminating connection")
	server.Exec("INSERT INTO taken VALUES (1)")
	f.keys("1")
}

func silentServers(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE silent (id int PRIMARY KEY)")
	var cut []*follower
	for connection := range 2 { // both of them, the stream alone
		wire := newWire(t, server.DSN())
		f := follow(t, newFeed(t, wire.dsn, "public.silent", "{id}", patient))
		f.all()
		f.idle()
		wire.silence(connection)
		cut = append(cut, f)
	}
	require.ErrorContains(t, cut[0].end(), "postgres changes: ")
	require.ErrorContains(t, cut[1].end(), errSilent.Error())
}

func retainedWAL(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE retained (id int PRIMARY KEY)")
	temporary, named := newFeed(t, server.DSN(), "public.retained", "{id}"), newFeed(t, server.DSN(), "public.retained", "{id}", slotted("retained"))
	retained := func(f *Feed) int64 {
		n, err := f.Retained(t.Context())
		require.NoError(t, err)
		return n
	}
	require.Zero(t, retained(temporary))
	require.Zero(t, retained(named))
	f := follow(t, named)
	f.begins()
	f.stopped()
	server.Exec("INSERT INTO retained SELECT generate_series(1, 10000)")
	// The server writes what was committed a little later.
	require.Eventually(t, func() bool { return retained(named) > 100_000 }, patience, 10*time.Millisecond)
	require.Less(t, retained(named), int64(1<<30))
}
