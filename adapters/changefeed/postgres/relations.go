package postgres

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pglogrepl"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
)

// relations are the tables that the stream has spoken of.
type relations struct {
	tables changefeed.Tables
	byID   map[uint32]*relation // those that tables have
	shapes map[string]string    // by name
}

// relation is a table as the stream defines it.
type relation struct {
	name     string
	template changefeed.Template
	at       []int // where the columns of the template are in a row
	problem  error // why the keys of its rows cannot be known
	identity error // why those of its old rows cannot be
}

func newRelations(tables changefeed.Tables) relations {
	return relations{tables: tables, byID: make(map[uint32]*relation), shapes: make(map[string]string)}
}

// has reports whether the table that a message about a row begins with is one of ours.
func (rs *relations) has(message []byte) bool {
	return len(message) >= 4 && rs.byID[binary.BigEndian.Uint32(message)] != nil
}

// define is about a table of which a row follows, for the first time or again. What
// made it another table may have changed any row.
func (rs *relations) define(m *pglogrepl.RelationMessage, tx *batch) {
	name := m.Namespace + "." + m.RelationName
	template, ours := rs.tables[name]
	if !ours {
		delete(rs.byID, m.RelationID) // it may have been renamed
		return
	}
	r := &relation{name: name, template: template}
	var shape strings.Builder
	fmt.Fprintln(&shape, m.RelationID)
	columns := make(map[string]int, len(m.Columns))
	for i, c := range m.Columns {
		columns[c.Name] = i
		fmt.Fprintln(&shape, c.Name, c.DataType, c.TypeModifier)
	}
	for _, c := range template.Columns() {
		i, ok := columns[c]
		switch {
		case !ok:
			r.problem = fmt.Errorf("the column %s of the table %s, which its key needs, is not published", c, name)
		case m.Columns[i].Flags&1 == 0:
			r.identity = errIdentity(name, c)
		}
		r.at = append(r.at, i)
	}
	if old, known := rs.shapes[name]; known && old != shape.String() {
		tx.keys.AddAll()
	}
	rs.byID[m.RelationID], rs.shapes[name] = r, shape.String()
}

func (rs *relations) insert(m *pglogrepl.InsertMessage, tx *batch) {
	r := rs.byID[m.RelationID]
	r.add(tx, r.problem, m.Tuple, nil)
}

// update is about a row whose key the server sends only when it is another one now,
// if it does not send all of the old row.
func (rs *relations) update(m *pglogrepl.UpdateMessage, tx *batch) {
	r := rs.byID[m.RelationID]
	if m.OldTuple != nil {
		r.add(tx, r.identity, m.OldTuple, nil)
	}
	r.add(tx, r.anyProblem(), m.NewTuple, m.OldTuple)
}

func (rs *relations) remove(m *pglogrepl.DeleteMessage, tx *batch) {
	r := rs.byID[m.RelationID]
	r.add(tx, r.anyProblem(), m.OldTuple, nil)
}

func (rs *relations) truncate(m *pglogrepl.TruncateMessage, tx *batch) {
	for _, id := range m.RelationIDs {
		if rs.byID[id] != nil {
			tx.keys.AddAll()
		}
	}
}

func (r *relation) anyProblem() error {
	if r.problem != nil {
		return r.problem
	}
	return r.identity
}

// add adds the key of a row. Where it cannot be known all have changed, and the feed
// ends with the problem after that: so the row is not in the way for ever when it is
// solved. A value that the new row leaves out, since it is large and the same, is that
// of the old one.
func (r *relation) add(tx *batch, problem error, row, old *pglogrepl.TupleData) {
	values := make([]string, len(r.at))
	for n, i := range r.at {
		if problem != nil {
			break
		}
		c := column(row, i)
		if c != nil && c.DataType == pglogrepl.TupleDataTypeToast {
			c = column(old, i)
		}
		switch {
		case c == nil, c.DataType == pglogrepl.TupleDataTypeToast:
			problem = errIdentity(r.name, r.template.Columns()[n])
		case c.DataType == pglogrepl.TupleDataTypeNull:
			return // no key
		default:
			values[n] = string(c.Data)
		}
	}
	if problem != nil {
		tx.keys.AddAll()
		tx.failed = problem
		return
	}
	if key, ok := r.template.Key(values); ok {
		tx.keys.Add(key)
	}
}

func column(row *pglogrepl.TupleData, i int) *pglogrepl.TupleDataColumn {
	if row == nil || i >= len(row.Columns) {
		return nil
	}
	return row.Columns[i]
}
