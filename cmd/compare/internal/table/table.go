// Package table writes what a comparison found, as text or as Markdown. It does
// not know what is compared.
package table

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"unicode/utf8"
)

// Format is how a table is written: a flag.
type Format string

// The formats.
const (
	Text     Format = "text"
	Markdown Format = "markdown"
)

func (f *Format) String() string { return string(*f) }

// Set implements [flag.Value].
func (f *Format) Set(text string) error {
	if *f = Format(text); *f != Text && *f != Markdown {
		return errors.New("must be text or markdown")
	}
	return nil
}

// None stands for a figure that there is not.
const None = "–"

// Table is one of several: the first row is the head, the first column names.
type Table struct {
	Title string
	Rows  [][]string // all of the same length
	Notes []string   // lines below
}

// Ratio returns a / b, if that is known.
func Ratio(a, b float64, known bool) string {
	if !known || b == 0 {
		return None
	}
	return fmt.Sprintf("%.2f", a/b)
}

// Print writes a heading, unless it is empty, and tables.
func Print(out io.Writer, format Format, heading string, tables ...Table) error {
	var b strings.Builder
	if heading != "" {
		fmt.Fprintln(&b, heading)
	}
	for _, t := range tables {
		t.write(&b, format)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// write writes the table and an empty line.
func (t Table) write(b *strings.Builder, format Format) {
	title, note := "%s\n", "%s\n"
	if format == Markdown {
		title, note = "**%s**\n\n", "\n%s\n"
	}
	fmt.Fprintf(b, title, t.Title)
	widths := t.widths()
	for n, row := range t.Rows {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = padded(cell, widths[i], i == 0)
		}
		if format != Markdown {
			fmt.Fprintln(b, strings.TrimRight(strings.Join(line, "  "), " "))
			continue
		}
		if n == 1 {
			fmt.Fprintf(b, "|--|%s\n", strings.Repeat("--:|", len(row)-1))
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(line, " | "))
	}
	for _, text := range t.Notes {
		fmt.Fprintf(b, note, text)
	}
	fmt.Fprintln(b)
}

func (t Table) widths() []int {
	widths := make([]int, len(t.Rows[0]))
	for _, row := range t.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func padded(cell string, width int, left bool) string {
	space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
	if left {
		return cell + space
	}
	return space + cell
}

// Versions returns the versions of the modules that this program is made of.
func Versions() map[string]string {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
	}
	return versions
}
