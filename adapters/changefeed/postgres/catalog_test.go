package postgres

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// The program's own statements go on, which a published table without identity refuses.
func identitiesWithoutTheKey(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE nameless (id int, sku text)", "INSERT INTO nameless VALUES (1, 'x')",
		"CREATE TABLE wrong (id int PRIMARY KEY, sku text)")
	for _, c := range []struct{ table, template, column string }{{"nameless", "{id}", "id"}, {"wrong", "{sku}", "sku"}} {
		err := follow(t, newFeed(t, server.DSN(), "public."+c.table, c.template)).end()
		require.EqualError(t, err, "postgres changes: the replica identity of the table "+c.table+" does not have the column "+c.column+
			", which its key needs: run ALTER TABLE "+c.table+" REPLICA IDENTITY FULL, or have it in a unique index and run ALTER TABLE "+
			c.table+" REPLICA IDENTITY USING INDEX")
	}
	server.Exec("UPDATE nameless SET sku = 'y'")
	err := follow(t, newFeed(t, server.DSN(), "public.wrong", "{name}")).end()
	require.EqualError(t, err, "postgres changes: the table wrong has no column name that is stored, which its key needs")
	err = follow(t, newFeed(t, server.DSN(), "public.none", "{id}")).end()
	require.EqualError(t, err, "postgres changes: there is no table public.none")

	server.Exec("ALTER TABLE nameless REPLICA IDENTITY FULL")
	f := follow(t, newFeed(t, server.DSN(), "public.nameless", "{sku}"))
	f.all()
	server.Exec("UPDATE nameless SET sku = 'z'")
	f.keys("y", "z")
	server.Exec("UPDATE nameless SET sku = NULL")
	f.keys("z")
}

// What was written meanwhile is covered, and does not stop the feed for ever.
func identitiesThatLoseTheKey(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE losing (id int PRIMARY KEY, sku text NOT NULL)", "ALTER TABLE losing REPLICA IDENTITY FULL", "INSERT INTO losing VALUES (1, 'x')")
	feed := newFeed(t, server.DSN(), "public.losing", "{sku}", slotted("losing"))
	feed.checkEvery = math.MaxInt // the stream says it first
	f := follow(t, feed)
	f.begins()
	server.Exec("ALTER TABLE losing REPLICA IDENTITY DEFAULT", "UPDATE losing SET sku = 'y'")
	f.all()
	require.ErrorContains(t, f.end(), "the replica identity of the table public.losing does not have the column sku")
	require.ErrorContains(t, follow(t, feed).end(), "does not have the column sku")
	server.Exec("ALTER TABLE losing REPLICA IDENTITY FULL", "UPDATE losing SET sku = 'z'")
	f = follow(t, feed)
	f.keys("y", "z")
}

func unchangedToast(t *testing.T, server *sqltest.Postgres) {
	large := strings.Repeat("k", 400)
	server.Exec("CREATE TABLE toast (id int PRIMARY KEY, sku text NOT NULL UNIQUE, a text, b text, n int)",
		"ALTER TABLE toast ALTER sku SET STORAGE EXTERNAL, ALTER a SET STORAGE PLAIN, ALTER b SET STORAGE PLAIN",
		"ALTER TABLE toast REPLICA IDENTITY USING INDEX toast_sku_key")
	server.Exec("INSERT INTO toast VALUES (1, '" + large + "', repeat('a', 1200), repeat('b', 1200), 0)")
	require.NotZero(t, value[int64](t, server, "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'toast'"), "the key is not stored elsewhere")
	for range 2 {
		f := follow(t, newFeed(t, server.DSN(), "public.toast", "{sku}"))
		f.all()
		server.Exec("UPDATE toast SET n = n + 1")
		f.keys(large)
		f.stopped()
		server.Exec("ALTER TABLE toast REPLICA IDENTITY FULL")
	}
}

func partitions(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE parted (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
		"CREATE TABLE parted1 PARTITION OF parted FOR VALUES FROM (0) TO (10)")
	f := follow(t, newFeed(t, server.DSN(), "public.parted", "{id}"))
	f.all()
	server.Exec("INSERT INTO parted VALUES (1, 1)")
	f.keys("1")
	server.Exec("CREATE TABLE parted2 (id int NOT NULL, day int NOT NULL, PRIMARY KEY (id, day))", "INSERT INTO parted2 VALUES (2, 12)",
		"ALTER TABLE parted ATTACH PARTITION parted2 FOR VALUES FROM (10) TO (20)") // shows rows without a change of one
	f.all()
	server.Exec("UPDATE parted SET day = 13 WHERE id = 1")
	f.keys("1")
	f.stopped()
	server.Exec("CREATE TABLE parted3 (id int NOT NULL, day int NOT NULL)", "ALTER TABLE parted3 REPLICA IDENTITY NOTHING",
		"ALTER TABLE parted ATTACH PARTITION parted3 FOR VALUES FROM (20) TO (30)", "ALTER TABLE parted3 REPLICA IDENTITY NOTHING")
	require.ErrorContains(t, follow(t, newFeed(t, server.DSN(), "public.parted", "{id}")).end(), "the table parted3 does not have the column id")

	server.Exec("CREATE TABLE leaves (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE leaf PARTITION OF leaves DEFAULT",
		"CREATE PUBLICATION leaves FOR TABLE leaves")
	f = follow(t, newFeed(t, server.DSN(), "public.leaves", "{id}", func(o *Options) { o.Publication = "leaves" }))
	f.all()
	server.Exec("INSERT INTO leaves VALUES (1)")
	f.keys("1")
}

func definitionsThatChange(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE defined (id int PRIMARY KEY, price int)", "INSERT INTO defined VALUES (1, 2)")
	f := follow(t, newFeed(t, server.DSN(), "public.defined", "{id}"))
	f.all()
	f.idle()
	server.Exec("ALTER TABLE defined ALTER price TYPE numeric USING price * 100") // no row is in the stream
	f.all()
	server.Exec("ALTER TABLE defined ADD first bool", "UPDATE defined SET price = 3")
	for !f.next().All { // as its definition is read, or with the row
	}
	server.Exec("ALTER TABLE defined DROP first", "UPDATE defined SET price = 4")
	for !f.next().All {
	}
}

func tablesThatTakeTheName(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE swapped (id int PRIMARY KEY)", "CREATE TABLE swapped_new (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.swapped", "{id}", slotted("swapped"))
	f := follow(t, feed)
	f.all()
	server.Exec("ALTER TABLE swapped RENAME TO swapped_old; ALTER TABLE swapped_new RENAME TO swapped") // at once
	require.EqualError(t, f.end(), "postgres changes: the publication public_swapped does not have all changes any more, which needs: "+
		`ALTER PUBLICATION "public_swapped" ADD TABLE "public"."swapped"`)
	f = follow(t, feed)
	f.all()
	server.Exec("INSERT INTO swapped VALUES (1)", "INSERT INTO swapped_old VALUES (2)", "INSERT INTO swapped VALUES (3)")
	f.keys("1", "3")
}

func publicationsThatLoseATable(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE unlisted (id int PRIMARY KEY)")
	feed := newFeed(t, server.DSN(), "public.unlisted", "{id}", slotted("unlisted"))
	f := follow(t, feed)
	f.begins()
	server.Exec("DROP PUBLICATION public_unlisted")
	require.ErrorContains(t, f.end(), `CREATE PUBLICATION "public_unlisted" FOR TABLE "public"."unlisted"`)
	server.Exec("INSERT INTO unlisted VALUES (1)", "CREATE PUBLICATION public_unlisted FOR TABLE unlisted")
	err := follow(t, feed).end() // the server cannot say whether that row was published
	require.ErrorContains(t, err, "run SELECT pg_drop_replication_slot('unlisted')")
	require.Eventually(t, func() bool { // the server notices that the feed has left
		return !value[bool](t, server, "SELECT active FROM pg_replication_slots WHERE slot_name = 'unlisted'")
	}, patience, 10*time.Millisecond)
	server.Exec("SELECT pg_drop_replication_slot('unlisted')")
	follow(t, feed).all()
}

func publicationsThatAreThere(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE there (id int PRIMARY KEY, other int)", "CREATE PUBLICATION there FOR TABLE there (id) WITH (publish = 'insert')")
	feed := newFeed(t, server.DSN(), "public.there", "{id}", func(o *Options) { o.Publication = "there" })
	f := follow(t, feed)
	f.all()
	server.Exec("INSERT INTO there VALUES (1, 1)", "UPDATE there SET other = 2")
	f.keys("1")
	server.Exec("DELETE FROM there")
	f.keys("1")
	f.stopped()
	require.Equal(t, 1, value[int](t, server, "SELECT count(*) FROM pg_publication WHERE pubname = 'there' AND pubdelete"))
}

func rolesWithFewRights(t *testing.T, server *sqltest.Postgres) {
	server.Exec("CREATE TABLE guarded (id int PRIMARY KEY)", "CREATE ROLE poor LOGIN REPLICATION")
	feed := newFeed(t, server.DSN(), "public.guarded", "{id}")
	feed.config.User = "poor"
	err := follow(t, feed).end()
	require.ErrorContains(t, err, `run it as the owner of the table: CREATE PUBLICATION "public_guarded" FOR TABLE "public"."guarded" WITH (publish_via_partition_root = true): `)
	require.NotContains(t, err.Error(), "\n")
	server.Exec(`CREATE PUBLICATION "public_guarded" FOR TABLE "public"."guarded" WITH (publish_via_partition_root = true)`)
	f := follow(t, feed)
	f.all()
	server.Exec("INSERT INTO guarded VALUES (1)")
	f.keys("1")
}
