package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// manual returns the page for man, made of what --help shows.
func manual(model *kong.Application) string {
	var w strings.Builder
	fmt.Fprintf(&w, ".TH MLCACHE 1 \"\" \"mlcache %s\" \"User Commands\"\n", roff(programVersion()))
	fmt.Fprintf(&w, ".SH NAME\nmlcache \\- read-through cache in two layers\n")
	fmt.Fprintf(&w, ".SH SYNOPSIS\n.B mlcache\n[\\fIcommand\\fR] [\\fIflags\\fR]\n.SH DESCRIPTION\n%s\n.SH COMMANDS\n", roff(model.Help))
	for _, command := range model.Children {
		fmt.Fprintf(&w, ".TP\n.B %s\n%s\n", roff(command.Name), roff(command.Help))
	}
	fmt.Fprint(&w, ".SH OPTIONS\n")
	for _, flag := range model.Flags {
		fmt.Fprintf(&w, ".TP\n.B %s\n%s\n", roff("--"+flag.Name), roff(flag.Help))
		if len(flag.Envs) == 0 {
			continue
		}
		fmt.Fprintf(&w, ".br\nEnvironment: \\fB%s\\fR.", roff(flag.Envs[0]))
		if flag.Default != "" {
			fmt.Fprintf(&w, " Default: %s.", roff(flag.Default))
		}
		fmt.Fprintln(&w)
	}
	fmt.Fprint(&w, ".SH EXIT STATUS\n0: it ended as it was asked to. 2: the command line or a setting is wrong. 1: any other failure.\n"+
		".SH SEE ALSO\nhttps://github.com/multi\\-layer\\-cache/multi\\-layer\\-cache\n")
	return w.String()
}

// roff quotes text. A line must not begin with a dot or an apostrophe, which are commands.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
