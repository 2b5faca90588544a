package field_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

func TestAListMayTakeSeveralLinesAndHaveEmptyMembers(t *testing.T) {
	for _, lines := range [][]string{{"a, b"}, {"a", "b"}, {",a ,\t,b,"}, {"", "a", " ", "b"}} {
		require.Equal(t, []string{"a", "b"}, slices.Collect(field.Members(lines)), "%q", lines)
	}
	for range field.Members([]string{"a,b"}) {
		break
	}
}

func TestASeparatorInAQuotedStringSeparatesNothing(t *testing.T) {
	for line, want := range map[string][]string{
		`a="b,c",d`:   {`a="b,c"`, "d"},
		`a="b\",c",d`: {`a="b\",c"`, "d"},
		`a="b,c`:      {`a="b`, "c"},
		`a="b,c,"d`:   {`a="b,c,"d`},
	} {
		require.Equal(t, want, slices.Collect(field.Members([]string{line})), line)
	}
}

func TestADirectiveHasANameAlsoWhenItsArgumentCannotBeRead(t *testing.T) {
	type directive struct {
		name, argument string
		given, ok      bool
	}
	for member, want := range map[string]directive{
		`no-store`:     {"no-store", "", false, true},
		`No-Store`:     {"no-store", "", false, true},
		`max-age=5`:    {"max-age", "5", true, true},
		`max-age = 5`:  {"max-age", "5", true, true},
		`max-age="5"`:  {"max-age", "5", true, true},
		`x="a\"b"`:     {"x", `a"b`, true, true},
		`x=""`:         {"x", "", true, true},
		`max-age=`:     {"max-age", "", true, false},
		`max-age="5`:   {"max-age", "", true, false},
		`max-age="5"6`: {"max-age", "", true, false},
		`max-age=5 6`:  {"max-age", "", true, false},
		`max age=5`:    {},
		`"no-store"`:   {},
		`=5`:           {},
		``:             {},
	} {
		var got directive
		got.name, got.argument, got.given, got.ok = field.Directive(member)
		require.Equal(t, want, got, "%q", member)
	}
}

func TestSecondsAreDigitsAndNeverOverflow(t *testing.T) {
	for _, digits := range []string{"2147483648", "2147483649", "18446744073709551615", "18446744073709551616", strings.Repeat("9", 1000)} {
		got, ok := field.DeltaSeconds(digits)
		assert.True(t, ok)
		assert.Equal(t, 1<<31*time.Second, got, digits)
	}
	got, ok := field.DeltaSeconds("007")
	assert.True(t, ok)
	assert.Equal(t, 7*time.Second, got)
	for _, other := range []string{"", "-1", "+1", "1.5", "1e3", "0x1", " 1", "١"} {
		_, ok := field.DeltaSeconds(other)
		assert.False(t, ok, "%q", other)
	}
}

func TestWordsAreSeparatedBySpacesAlone(t *testing.T) {
	require.Equal(t, []string{"a,b", "c\u00a0d", "e"}, field.Words([]string{" a,b\t c\u00a0d ", "", "e"}))
	require.Empty(t, field.Words(nil))
}

func TestAQuoteThatNeverEndsCostsNoMoreThanTheLineIsLong(t *testing.T) {
	// Quadratic time would be 10^12 steps: this test would not end.
	line := strings.Repeat(`"\`, 1<<19) + `,a`
	n := 0
	for range field.Members([]string{line, line}) {
		n++
	}
	require.NotZero(t, n)
}
