package prove

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// upper returns the text as a sentence begins.
func upper(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// cell returns the text as it may stand in a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
