package changefeed_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/changefeed"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func TestATemplateMakesTheKeyOfARow(t *testing.T) {
	for _, c := range []struct {
		template string
		values   []string
		key      string // none if empty
	}{
		{"{id}", []string{"7"}, "7"},
		{"{country}/{id}", []string{"de", "7"}, "de/7"},
		{"a{id}b", []string{"é"}, "aéb"},
		{"{id}{id}", []string{"1", "2"}, "12"},
		{"{{{id}}}", []string{"7"}, "{7}"},
		{"{id}", []string{"{x}"}, "{x}"},
		{"{id}", []string{""}, ""},
		{"{id}", []string{"a\nb"}, ""},
		{"{id}", []string{"\xff"}, ""},
		{"x{id}", []string{strings.Repeat("y", domain.MaxKeyBytes)}, ""},
	} {
		template, err := changefeed.ParseTemplate(c.template)
		require.NoError(t, err, c.template)
		require.Len(t, template.Columns(), len(c.values))
		key, ok := template.Key(c.values)
		require.Equal(t, c.key, key.String(), c)
		require.Equal(t, c.key != "", ok, c)
	}
}

func TestATemplateThatMakesNoKeysIsRefused(t *testing.T) {
	for template, message := range map[string]string{
		"":                                `key template "" must name at least one column, as {id}`,
		"id":                              `key template "id" must name at least one column, as {id}`,
		"{id":                             `key template "{id" must name a column in each pair of braces, as {id}`,
		"{}":                              `key template "{}" must name a column in each pair of braces, as {id}`,
		"{a{b}}":                          `key template "{a{b}}" must name a column in each pair of braces, as {id}`,
		"a}{id}":                          `key template "a}{id}" has a } without a {`,
		"\n{id}":                          `key template "\n{id}" makes no keys: invalid key: it contains the control character U+000A`,
		strings.Repeat("y", 512) + "{id}": `key template "` + strings.Repeat("y", 512) + `{id}" makes no keys: invalid key: it has 513 bytes, at most 512 are allowed`,
	} {
		_, err := changefeed.ParseTemplate(template)
		require.ErrorIs(t, err, changefeed.ErrTemplate)
		require.EqualError(t, err, message)
	}
}

func TestTablesAreNamedWithTheirSchema(t *testing.T) {
	tables, err := changefeed.ParseTables(map[string]string{"public.products": "{id}", "shop.odd.name": "{sku}"})
	require.NoError(t, err)
	require.Equal(t, []string{"sku"}, tables["shop.odd.name"].Columns())
	for _, name := range []string{"products", ".products", "public."} {
		_, err := changefeed.ParseTables(map[string]string{name: "{id}"})
		require.EqualError(t, err, "key template: the table "+strconv.Quote(name)+" must be named with its schema, as public.products")
	}
	_, err = changefeed.ParseTables(nil)
	require.ErrorIs(t, err, changefeed.ErrTemplate)
	_, err = changefeed.ParseTables(map[string]string{"public.products": "id"})
	require.EqualError(t, err, `table public.products: key template "id" must name at least one column, as {id}`)
}

func TestKeysBeyondTheLimitAreAll(t *testing.T) {
	one, two := key(t, "1"), key(t, "2")
	k := changefeed.Keys{Max: 1}
	require.True(t, k.Empty())
	k.Add(one)
	k.Add(one)
	require.False(t, k.Empty())
	require.Equal(t, []domain.Key{one}, k.List())
	k.Add(two)
	k.Add(one)
	require.True(t, k.All())
	require.False(t, k.Empty())
	require.Empty(t, k.List())
	more := changefeed.Keys{Max: 5}
	more.AddKeys(changefeed.Keys{})
	require.True(t, more.Empty())
	more.AddKeys(k)
	require.True(t, more.All())
}

func key(t testing.TB, s string) domain.Key {
	t.Helper()
	k, err := domain.ParseKey(s)
	require.NoError(t, err)
	return k
}
