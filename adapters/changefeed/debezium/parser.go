package debezium

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// DefaultMaxBytes is how long an input may be unless options say otherwise.
const DefaultMaxBytes = 16 << 20

// Options say what to look for. Those without a default are required.
type Options struct {
	// Routes are the tables of each route, with the templates of its keys by
	// schema.table, or database.table where Debezium names no schema.
	Routes []map[string]string
	// MaxBytes is how long an input may be. 0: DefaultMaxBytes.
	MaxBytes int
	// MaxKeys is how many keys a change names at most; beyond, it has All. 0:
	// changefeed.DefaultMaxKeys.
	MaxKeys int
}

// Parser reads events for some routes. It may be used by many goroutines.
type Parser struct {
	routes            []changefeed.Tables
	maxBytes, maxKeys int
}

// ErrTooLong says that an input has more bytes than options allow.
var ErrTooLong = errors.New("debezium: too long")

// New returns a parser for the routes of opts.
func New(opts Options) (*Parser, error) {
	p := &Parser{maxBytes: cmp.Or(opts.MaxBytes, DefaultMaxBytes), maxKeys: cmp.Or(opts.MaxKeys, changefeed.DefaultMaxKeys)}
	if opts.MaxBytes < 0 || opts.MaxKeys < 0 {
		return nil, errors.New("debezium: MaxBytes and MaxKeys must not be negative")
	}
	for _, templates := range opts.Routes {
		tables, err := changefeed.ParseTables(templates)
		if err != nil {
			return nil, fmt.Errorf("debezium: %w", err)
		}
		p.routes = append(p.routes, tables)
	}
	return p, nil
}

// Parse returns what the events change in each route, in the order of Options.Routes:
// one change each, which is empty where no event is for the route. An error names the
// event and is one line; then nothing counts.
func (p *Parser) Parse(input []byte) ([]ports.Change, error) {
	if len(input) > p.maxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLong, len(input), p.maxBytes)
	}
	g := &gathering{parser: p, keys: make([]changefeed.Keys, len(p.routes)), versions: make([]uint64, len(p.routes))}
	for i := range g.keys {
		g.keys[i].Max = p.maxKeys
	}
	if err := g.input(jsontext.NewDecoder(bytes.NewReader(input), jsontext.AllowDuplicateNames(true))); err != nil {
		return nil, fmt.Errorf("debezium: event %d: %w", g.events, err)
	}
	changes := make([]ports.Change, len(p.routes))
	for i := range changes {
		changes[i] = ports.Change{Keys: g.keys[i].List(), All: g.keys[i].All(), Version: g.versions[i]}
	}
	return changes, nil
}

// gathering is one call of Parse.
type gathering struct {
	parser   *Parser
	events   int // up to the one that is read
	keys     []changefeed.Keys
	versions []uint64
}

// input reads values up to the end, those of arrays by themselves.
func (g *gathering) input(d *jsontext.Decoder) error {
	for {
		kind := d.PeekKind()
		if d.StackDepth() == 0 && kind != '[' || d.StackDepth() == 1 && kind != ']' {
			g.events++
			value, err := d.ReadValue()
			switch {
			case errors.Is(err, io.EOF) && d.StackDepth() == 0:
				return nil
			case err != nil:
				return err
			}
			if err := g.event(value); err != nil {
				return err
			}
			continue
		}
		if _, err := d.ReadToken(); err != nil { // begins or ends an array
			return err
		}
	}
}
