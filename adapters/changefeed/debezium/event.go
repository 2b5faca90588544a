package debezium

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
)

// event is Debezium's envelope of a change.
type event struct {
	Op     string `json:"op"`
	Before row    `json:"before"`
	After  row    `json:"after"`
	Source struct {
		Connector string `json:"connector"`
		DB        string `json:"db"`
		Schema    string `json:"schema"`
		Table     string `json:"table"`
		LSN       uint64 `json:"lsn"`
	} `json:"source"`
}

type row map[string]jsontext.Value

var (
	errNoObject   = errors.New("it is no object")
	errNoEnvelope = errors.New("it has no op: it must have Debezium's envelope, without ExtractNewRecordState")
)

// event adds what one event changes. A tombstone changes nothing.
func (g *gathering) event(value jsontext.Value) error {
	fields, err := object(value)
	if payload, ok := fields["payload"]; ok && err == nil && fields["op"] == nil {
		value = payload
		fields, err = object(payload)
	}
	switch {
	case err != nil:
		return err
	case fields == nil, fields["op"] == nil && aside(fields):
		return nil
	case fields["op"] == nil:
		return errNoEnvelope
	}
	var e event
	if err := json.Unmarshal(value, &e, jsontext.AllowDuplicateNames(true)); err != nil {
		return errors.New("it has an envelope that cannot be read")
	}
	name := e.Source.Schema
	if name == "" {
		name = e.Source.DB
	}
	name += "." + e.Source.Table
	for i, tables := range g.parser.routes {
		template, ours := tables[name]
		if !ours {
			continue
		}
		if err := e.add(template, &g.keys[i]); err != nil {
			return fmt.Errorf("the table %s: %w", name, err)
		}
		if e.Source.Connector == "postgresql" {
			g.versions[i] = max(g.versions[i], e.Source.LSN)
		}
	}
	return nil
}

// object returns the members of an object, nil for null.
func object(value jsontext.Value) (fields row, err error) {
	if err := json.Unmarshal(value, &fields, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, errNoObject
	}
	return fields, nil
}

// aside reports whether a message without op is one that Debezium sends beside
// changes: about a transaction, about the schema, or a heartbeat.
func aside(fields row) bool {
	if fields["status"] != nil || fields["ddl"] != nil || fields["tableChanges"] != nil {
		return true
	}
	for name := range fields {
		if !strings.HasPrefix(name, "ts_") {
			return false
		}
	}
	return len(fields) > 0
}

// add adds the keys that the event changes. An old row that does not have them may
// have had any.
func (e *event) add(template changefeed.Template, keys *changefeed.Keys) error {
	switch e.Op {
	case "c", "r":
		return addNew(template, keys, e.After)
	case "u":
		if e.Before != nil {
			if err := addOld(template, keys, e.Before, true); err != nil {
				return err
			}
		}
		return addNew(template, keys, e.After)
	case "d":
		return addOld(template, keys, e.Before, false)
	case "t":
		keys.AddAll()
	case "m": // a message that is no change
	default:
		return fmt.Errorf("the op %.10q is unknown", e.Op)
	}
	return nil
}

func addNew(template changefeed.Template, keys *changefeed.Keys, r row) error {
	values, missing, null, err := texts(template, r)
	switch {
	case err != nil:
		return err
	case missing != "":
		return fmt.Errorf("there is no column %.64q, which the key needs", missing)
	case !null:
		addKey(template, keys, values)
	}
	return nil
}

// addOld adds the key of a row that is another one now. A deleted row in which it is
// null may be one of which only the primary key is known.
func addOld(template changefeed.Template, keys *changefeed.Keys, r row, nullable bool) error {
	values, missing, null, err := texts(template, r)
	switch {
	case err != nil:
		return err
	case missing != "", null && !nullable:
		keys.AddAll()
	case !null:
		addKey(template, keys, values)
	}
	return nil
}

func addKey(template changefeed.Template, keys *changefeed.Keys, values []string) {
	if key, ok := template.Key(values); ok {
		keys.Add(key)
	}
}

// texts returns the columns of the template, the first that is missing, and whether
// one is null.
func texts(template changefeed.Template, r row) (values []string, missing string, null bool, err error) {
	for _, name := range template.Columns() {
		value, ok := r[name]
		if !ok {
			return nil, name, false, nil
		}
		switch value.Kind() {
		case 'n':
			null = true
			values = append(values, "")
		case '0', 't', 'f':
			values = append(values, string(value))
		case '"':
			text, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				return nil, "", false, errors.New("a text cannot be read")
			}
			values = append(values, string(text))
		default:
			return nil, "", false, fmt.Errorf("the column %.64q, which the key needs, is neither text nor a number", name)
		}
	}
	return values, "", null, nil
}
