package sqlsource

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// layout says what the columns of a result are for.
type layout struct {
	columns []column // of the value, in their order
	special [specials]int
}

type column struct {
	at     int
	member []byte // its name as JSON has it, with the colon
	json   bool
}

// The special columns.
const (
	keyColumn = iota
	ttlColumn
	tagsColumn
	versionColumn
	typeColumn
	specials
)

var specialNames = [specials]string{"_key", "_ttl", "_tags", "_version", "_content_type"}

// jsonSuffix marks the name of a column whose text is JSON, for databases that do
// not say so themselves.
const jsonSuffix = ":json"

func newLayout(names []string) (*layout, error) {
	l := &layout{special: [specials]int{-1, -1, -1, -1, -1}}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		name, isJSON := strings.CutSuffix(name, jsonSuffix)
		place := specialOf(name)
		if place >= 0 {
			name = specialNames[place]
			l.special[place] = i
		}
		if seen[name] {
			return nil, fmt.Errorf("two columns of the query have the same name, the second is column %d", i+1)
		}
		seen[name] = true
		if place >= 0 {
			continue
		}
		member, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return nil, fmt.Errorf("the name of column %d is not UTF-8", i+1)
		}
		l.columns = append(l.columns, column{at: i, member: append(member, ':'), json: isJSON})
	}
	if len(l.columns) == 0 {
		return nil, fmt.Errorf("the query has no column for the value, only special ones")
	}
	return l, nil
}

// specialOf returns which special column has that name, or -1. Oracle writes names
// in capitals.
func specialOf(name string) int {
	for i, special := range specialNames {
		if strings.EqualFold(name, special) {
			return i
		}
	}
	return -1
}

// of returns the cell of a special column; it is null when there is none.
func (l *layout) of(special int, row []cell) cell {
	if at := l.special[special]; at >= 0 {
		return row[at]
	}
	return cell{}
}
