package postgres

import (
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
)

// The stream defines a table again before the first row that follows a change of the
// definition, mostly before the catalog is read.
func TestATableThatIsDefinedOtherwiseMayHaveChangedAnyRow(t *testing.T) {
	tables, err := changefeed.ParseTables(map[string]string{"public.products": "{id}"})
	require.NoError(t, err)
	rs := newRelations(tables)
	message := func(id uint32, name string, columns ...string) *pglogrepl.RelationMessage {
		m := &pglogrepl.RelationMessage{RelationID: id, Namespace: "public", RelationName: name}
		for _, c := range columns {
			m.Columns = append(m.Columns, &pglogrepl.RelationMessageColumn{Flags: 1, Name: c})
		}
		return m
	}
	row := func(id string) *pglogrepl.InsertMessage {
		return &pglogrepl.InsertMessage{RelationID: 1, Tuple: &pglogrepl.TupleData{
			Columns: []*pglogrepl.TupleDataColumn{{DataType: pglogrepl.TupleDataTypeText, Data: []byte(id)}},
		}}
	}
	for _, c := range []struct {
		m    *pglogrepl.RelationMessage
		all  bool
		ours bool
		why  string
	}{
		{message(1, "products", "id"), false, true, "the first"},
		{message(1, "products", "id"), false, true, "the same"},
		{message(1, "products", "id", "name"), true, true, "another column"},
		{message(1, "other", "id"), false, false, "another name"},
		{message(2, "products", "id", "name"), true, true, "another table of the name"},
	} {
		tx := batch{keys: changefeed.Keys{Max: 9}}
		rs.define(c.m, &tx)
		require.Equal(t, c.all, tx.keys.All(), c.why)
		require.Equal(t, c.ours, rs.has([]byte{0, 0, 0, byte(c.m.RelationID)}), c.why)
	}
	var tx batch
	rs.define(message(1, "products", "sku"), &tx)
	rs.insert(row("x"), &tx)
	require.True(t, tx.keys.All())
	require.ErrorContains(t, tx.failed, "the column id of the table public.products, which its key needs, is not published")
}
