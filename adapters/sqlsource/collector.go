package sqlsource

import (
	"context"
	"errors"
	"fmt"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var (
	errNoKey    = errors.New("the query has no column _key, which tells the rows of :keys apart")
	errManyRows = errors.New("more than one row for the key")
)

// collector makes the rows of one statement into the results of its keys.
type collector struct {
	ctx      context.Context
	maxBytes int64
	keys     []domain.Key
	list     bool // rows are told apart by _key
	places   map[string][]int
	results  []ports.Loaded
	full     error // why no more memory is asked for

	layout *layout
}

func newCollector(ctx context.Context, keys []domain.Key, list bool, maxBytes int64) *collector {
	c := &collector{
		ctx: ctx, maxBytes: maxBytes, keys: keys, list: list,
		places: make(map[string][]int, len(keys)), results: make([]ports.Loaded, len(keys)),
	}
	for i, key := range keys {
		c.places[key.String()] = append(c.places[key.String()], i)
		c.results[i].Err = domain.ErrNotFound
	}
	return c
}

// begin receives the names of the columns.
func (c *collector) begin(names []string) error {
	l, err := newLayout(names)
	switch {
	case err != nil:
		return failed(err)
	case c.list && l.special[keyColumn] < 0:
		return failed(errNoKey)
	}
	c.layout = l
	return nil
}

// row receives a row. Rows of other keys than those asked for are left out: some
// databases find 12 for the key 12abc.
func (c *collector) row(cells []cell) {
	places := c.placesOf(cells)
	if len(places) == 0 {
		return
	}
	loaded := ports.Loaded{Err: failed(errManyRows)}
	if errors.Is(c.results[places[0]].Err, domain.ErrNotFound) {
		loaded = c.load(cells)
	}
	for _, i := range places {
		c.results[i] = loaded
	}
}

func (c *collector) placesOf(cells []cell) []int {
	if c.layout.special[keyColumn] < 0 {
		return c.places[c.keys[0].String()]
	}
	key := c.layout.of(keyColumn, cells)
	if key.kind == null {
		return nil
	}
	return c.places[string(key.data)]
}

// unguarded reports whether a row was found without a column that says for which key.
func (c *collector) unguarded() bool {
	return c.layout.special[keyColumn] < 0 && !errors.Is(c.results[0].Err, domain.ErrNotFound)
}

func (c *collector) load(cells []cell) ports.Loaded {
	ctx := c.ctx
	if c.full != nil {
		ctx = ports.WithReserve(ctx, func(context.Context, int64) error { return c.full })
	}
	v, err := c.layout.value(ctx, cells, c.maxBytes)
	if errors.Is(err, domain.ErrOverloaded) {
		c.full = err // the others would wait one after the other
	}
	return ports.Loaded{Value: v, Err: failed(err)}
}

// failed returns err as a failure of the source, if it is not one of the domain's
// errors already.
func failed(err error) error {
	if err == nil || errors.Is(err, domain.ErrOverloaded) || errors.Is(err, domain.ErrNotFound) || domain.IsLoadFailure(err) {
		return err
	}
	return fmt.Errorf("%w: %w", domain.ErrSourceFailed, err)
}
