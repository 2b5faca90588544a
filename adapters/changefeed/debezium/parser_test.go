package debezium_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed/debezium"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const source = `"source":{"version":"3.0.0.Final","connector":"postgresql","name":"shop","ts_ms":1732700000000,"snapshot":"false","db":"shop","sequence":"[\"9\",\"10\"]","schema":"public","table":"products","txId":5,"lsn":10,"xmin":null}`

func newParser(t testing.TB, change ...func(*debezium.Options)) *debezium.Parser {
	t.Helper()
	o := debezium.Options{Routes: []map[string]string{
		{"public.products": "{id}", "public.prices": "p{id}"},
		{"public.products": "{country}/{sku}"},
		{"shop.products": "{id}"},
	}}
	for _, f := range change {
		f(&o)
	}
	p, err := debezium.New(o)
	require.NoError(t, err)
	return p
}

func names(c ports.Change) (all []string) {
	if c.All {
		return []string{"all"}
	}
	for _, key := range c.Keys {
		all = append(all, key.String())
	}
	return all
}

func TestEventsNameTheKeysOfEachRoute(t *testing.T) {
	const (
		one  = `{"id":1,"country":"de","sku":"a","price":"1.00"}`
		two  = `{"id":2,"country":"de","sku":"b","price":"1.00"}`
		bare = `{"id":1,"country":null,"sku":null,"price":null}`
	)
	event := func(op, before, after string) string {
		return `{"before":` + before + `,"after":` + after + `,` + source + `,"op":"` + op + `","ts_ms":1732700000100,"transaction":null}`
	}
	for name, c := range map[string]struct {
		input       string
		first, next []string
	}{
		"created":             {event("c", "null", one), []string{"1"}, []string{"de/a"}},
		"read":                {event("r", "null", one), []string{"1"}, []string{"de/a"}},
		"updated":             {event("u", one, two), []string{"1", "2"}, []string{"de/a", "de/b"}},
		"updated, identity":   {event("u", "null", one), []string{"1"}, []string{"de/a"}},
		"updated from null":   {event("u", bare, one), []string{"1"}, []string{"de/a"}},
		"updated to null":     {event("u", one, bare), []string{"1"}, []string{"de/a"}},
		"deleted":             {event("d", one, "null"), []string{"1"}, []string{"de/a"}},
		"deleted, identity":   {event("d", bare, "null"), []string{"1"}, []string{"all"}},
		"deleted, unknown":    {event("d", "null", "null"), []string{"all"}, []string{"all"}},
		"truncated":           {event("t", "null", "null"), []string{"all"}, []string{"all"}},
		"message":             {event("m", "null", "null"), nil, nil},
		"schema":              {`{"schema":{"type":"struct","fields":[]},"payload":` + event("c", "null", one) + `}`, []string{"1"}, []string{"de/a"}},
		"schema that is null": {`{"schema":null,"payload":` + event("c", "null", one) + `}`, []string{"1"}, []string{"de/a"}},
		"array":               {"[" + event("c", "null", one) + "," + event("c", "null", two) + "]", []string{"1", "2"}, []string{"de/a", "de/b"}},
		"lines":               {event("c", "null", one) + "\n" + event("c", "null", two) + "\n", []string{"1", "2"}, []string{"de/a", "de/b"}},
		"arrays":              {"[" + event("c", "null", one) + "]\n\n[" + event("c", "null", two) + ",null]", []string{"1", "2"}, []string{"de/a", "de/b"}},
		"nothing":             {"", nil, nil},
		"tombstones":          {`null [null] {"schema":null,"payload":null}`, nil, nil},
		"heartbeat":           {`{"ts_ms":1732700000100}`, nil, nil},
		"transaction":         {`{"status":"BEGIN","id":"5","ts_ms":1,"event_count":null,"data_collections":null}`, nil, nil},
		"definition":          {`{"source":{},"ts_ms":1,"databaseName":"shop","ddl":"ALTER TABLE products","tableChanges":[]}`, nil, nil},
		"other table":         {strings.Replace(event("x", "null", one), `"table":"products"`, `"table":"other"`, 1), nil, nil},
		"too many":            {event("c", "null", one) + event("c", "null", two) + event("c", "null", `{"id":"3","country":"é","sku":"\u0041"}`), []string{"all"}, []string{"all"}},
		"text":                {event("c", "null", `{"id":"\u0041\"","country":true,"sku":-1.50}`), []string{`A"`}, []string{"true/-1.50"}},
		"no key":              {event("c", "null", `{"id":"a\nb","country":"","sku":""}`), nil, []string{"/"}},
	} {
		changes, err := newParser(t, func(o *debezium.Options) { o.MaxKeys = 2 }).Parse([]byte(c.input))
		require.NoError(t, err, name)
		require.Len(t, changes, 3, name)
		require.ElementsMatch(t, c.first, names(changes[0]), name)
		require.ElementsMatch(t, c.next, names(changes[1]), name)
		require.Empty(t, names(changes[2]), name)
		if c.first != nil {
			require.Equal(t, uint64(10), changes[0].Version, name)
		}
		require.Zero(t, changes[2].Version, name)
	}
}

// Of MySQL there is no schema, and no version that would grow for ever.
func TestEventsOfOtherDatabasesHaveNoVersion(t *testing.T) {
	changes, err := newParser(t).Parse([]byte(`{"before":null,"after":{"id":1},"op":"c","source":{"connector":"mysql","db":"shop","schema":null,"table":"products","file":"binlog.000003","pos":154,"lsn":7,"ts_ms":1}}`))
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, names(changes[2]))
	require.Zero(t, changes[2].Version)
	require.Empty(t, names(changes[0]))
}

func TestTheVersionIsThatOfTheLastEvent(t *testing.T) {
	event := `{"after":{"id":1},"op":"c","source":{"connector":"postgresql","schema":"public","table":"prices","lsn":LSN}}`
	changes, err := newParser(t).Parse([]byte(strings.Replace(event, "LSN", "18446744073709551615", 1) + strings.Replace(event, "LSN", "3", 1) + strings.Replace(event, "LSN", "null", 1)))
	require.NoError(t, err)
	require.Equal(t, uint64(18446744073709551615), changes[0].Version)
}

func TestInputsThatAreNoEventsAreRefusedInOneLine(t *testing.T) {
	good := `{"after":{"id":1,"country":"de","sku":"a"},"op":"c",` + source + `}`
	for input, message := range map[string]string{
		good + `5`:                             "debezium: event 2: it is no object",
		`[` + good + `,[]]`:                    "debezium: event 2: it is no object",
		`{}`:                                   "debezium: event 1: it has no op: it must have Debezium's envelope, without ExtractNewRecordState",
		`{"id":1,"name":"x"}`:                  "debezium: event 1: it has no op: it must have Debezium's envelope, without ExtractNewRecordState",
		`{"payload":7}`:                        "debezium: event 1: it is no object",
		`{"op":5}`:                             "debezium: event 1: it has an envelope that cannot be read",
		`{"op":"x",` + source + `}`:            `debezium: event 1: the table public.products: the op "x" is unknown`,
		`{"op":"c","after":{},` + source + `}`: `debezium: event 1: the table public.products: there is no column "id", which the key needs`,
		`{"op":"c","after":{"id":{"scale":1}},` + source + `}`: `debezium: event 1: the table public.products: the column "id", which the key needs, is neither text nor a number`,
		strings.Repeat(" ", 1001):                              "debezium: too long: 1001 bytes, at most 1000 are allowed",
	} {
		changes, err := newParser(t, func(o *debezium.Options) { o.MaxBytes = 1000 }).Parse([]byte(input))
		require.EqualError(t, err, message, input)
		require.Nil(t, changes)
	}
	for _, input := range []string{"[", "{", "[" + good, "]", good + "x", `{"op":"\xff"}`, `[null`, `[null,,null]`} {
		_, err := newParser(t).Parse([]byte(input))
		require.ErrorContains(t, err, "debezium: event ", input)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := debezium.New(debezium.Options{Routes: []map[string]string{{"products": "{id}"}}})
	require.EqualError(t, err, `debezium: key template: the table "products" must be named with its schema, as public.products`)
	_, err = debezium.New(debezium.Options{MaxKeys: -1})
	require.Error(t, err)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"schema":{},"payload":{"before":{"id":1},"after":{"id":2},"op":"u",` + source + `}}`,
		`[{"before":{"id":1},"op":"d",` + source + `},null]`, `{"op":"t",` + source + `}` + "\n" + `{"ts_ms":1}`, `[[`, `]`, `{"payload":`,
	} {
		f.Add([]byte(seed))
	}
	p := newParser(f, func(o *debezium.Options) { o.MaxKeys = 2 })
	f.Fuzz(func(t *testing.T, input []byte) {
		changes, err := p.Parse(input)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			require.Nil(t, changes)
			return
		}
		require.Len(t, changes, 3)
		for _, c := range changes {
			require.LessOrEqual(t, len(c.Keys), 2)
			require.False(t, c.All && len(c.Keys) > 0)
		}
		again, err := p.Parse(append([]byte("null\n"), input...))
		require.NoError(t, err)
		for i, c := range again {
			require.ElementsMatch(t, changes[i].Keys, c.Keys)
			require.Equal(t, changes[i].All, c.All)
		}
	})
}
