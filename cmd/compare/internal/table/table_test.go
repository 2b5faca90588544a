package table

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTablesAreWrittenAsTextAndAsMarkdown(t *testing.T) {
	sample := Table{"Title", [][]string{{"", "×", "b"}, {"größer", "1", "22"}}, []string{"note"}}
	var text, markdown strings.Builder
	require.NoError(t, Print(&text, Text, "", sample))
	assert.Equal(t, "Title\n        ×   b\ngrößer  1  22\nnote\n\n", text.String())
	require.NoError(t, Print(&markdown, Markdown, "What", sample))
	assert.Equal(t, "What\n**Title**\n\n|        | × |  b |\n|--|--:|--:|\n| größer | 1 | 22 |\n\nnote\n\n", markdown.String())
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	r, w := io.Pipe()
	require.NoError(t, r.Close())
	assert.ErrorIs(t, Print(w, Text, "What"), io.ErrClosedPipe)
}

func TestOnlyTheTwoFormatsAreTaken(t *testing.T) {
	var f Format
	require.NoError(t, f.Set("markdown"))
	assert.Equal(t, Markdown, f)
	assert.EqualError(t, f.Set("csv"), "must be text or markdown")
}

func TestARatioIsKnownOrLeftOut(t *testing.T) {
	assert.Equal(t, "0.50", Ratio(1, 2, true))
	assert.Equal(t, None, Ratio(1, 2, false))
	assert.Equal(t, None, Ratio(1, 0, true))
}
