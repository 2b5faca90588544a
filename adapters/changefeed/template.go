package changefeed

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// ErrTemplate is in the errors of ParseTemplate and ParseTables.
var ErrTemplate = errors.New("key template")

// Template makes the key of a row out of its columns, as {id} or {country}/{id}.
type Template struct {
	columns []string
	between []string // what is before, between and after them
}

// ParseTemplate reads a text in which {name} stands for the value of a column, at
// least once. {{ and }} are braces.
func ParseTemplate(text string) (Template, error) {
	var t Template
	var literal strings.Builder
	for rest := text; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			literal.WriteByte(rest[0])
			rest = rest[2:]
		case rest[0] == '}':
			return Template{}, fmt.Errorf("%w %q has a } without a {", ErrTemplate, text)
		case rest[0] == '{':
			name, after, closed := strings.Cut(rest[1:], "}")
			if !closed || name == "" || strings.Contains(name, "{") {
				return Template{}, fmt.Errorf("%w %q must name a column in each pair of braces, as {id}", ErrTemplate, text)
			}
			t.columns, t.between = append(t.columns, name), append(t.between, literal.String())
			literal.Reset()
			rest = after
		default:
			literal.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	if len(t.columns) == 0 {
		return Template{}, fmt.Errorf("%w %q must name at least one column, as {id}", ErrTemplate, text)
	}
	t.between = append(t.between, literal.String())
	if _, err := domain.ParseKey(strings.Join(t.between, "x")); err != nil {
		return Template{}, fmt.Errorf("%w %q makes no keys: %w", ErrTemplate, text, err)
	}
	return t, nil
}

// Columns returns the names of the columns in their order, as often as they occur.
func (t Template) Columns() []string { return slices.Clone(t.columns) }

// Key returns the key of a row with values in Columns, which are texts. It is false
// when they make no key of the cache: no value of it can have been cached.
func (t Template) Key(values []string) (domain.Key, bool) {
	var name strings.Builder
	for i, value := range values {
		name.WriteString(t.between[i])
		name.WriteString(value)
	}
	name.WriteString(t.between[len(values)])
	key, err := domain.ParseKey(name.String())
	return key, err == nil
}

// Tables are the templates for rows of tables, by schema.table.
type Tables map[string]Template

// ParseTables reads templates by table: schema.table, or database.table where schemas
// are called that, as the catalog has the names, without quotes.
func ParseTables(templates map[string]string) (Tables, error) {
	if len(templates) == 0 {
		return nil, fmt.Errorf("%w: there must be one for at least one table", ErrTemplate)
	}
	tables := make(Tables, len(templates))
	for name, text := range templates {
		schema, table, _ := strings.Cut(name, ".")
		if schema == "" || table == "" {
			return nil, fmt.Errorf("%w: the table %q must be named with its schema, as public.products", ErrTemplate, name)
		}
		t, err := ParseTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", name, err)
		}
		tables[name] = t
	}
	return tables, nil
}
