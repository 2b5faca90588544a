package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// complete prints a script with which a shell completes commands and flags.
func complete(w io.Writer, shell string, model *kong.Application) {
	switch shell {
	case "bash":
		completeBash(w, model)
	case "zsh":
		completeZsh(w, model)
	case "fish":
		completeFish(w, model)
	}
}

// completeBash leaves the values of flags to the shell, which completes names of files.
func completeBash(w io.Writer, model *kong.Application) {
	var words, takeValues []string
	for _, command := range model.Children {
		words = append(words, command.Name)
	}
	for _, flag := range model.Flags {
		words = append(words, "--"+flag.Name)
		if !flag.IsBool() {
			takeValues = append(takeValues, "--"+flag.Name)
		}
	}
	fmt.Fprintf(w, `# bash completion for mlcache: source it, or put it into /usr/share/bash-completion/completions
_mlcache() {
	case "${COMP_WORDS[COMP_CWORD-1]}" in
	%s) COMPREPLY=() ;;
	completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "${COMP_WORDS[COMP_CWORD]}")) ;;
	*) COMPREPLY=($(compgen -W '%s' -- "${COMP_WORDS[COMP_CWORD]}")) ;;
	esac
}
complete -o default -F _mlcache mlcache
`, strings.Join(takeValues, "|"), strings.Join(words, " "))
}

func completeZsh(w io.Writer, model *kong.Application) {
	quoted := strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)
	fmt.Fprintln(w, "#compdef mlcache\n_arguments \\")
	for _, flag := range model.Flags {
		value := "=[%s]:value:_files"
		if flag.IsBool() {
			value = "[%s]"
		}
		fmt.Fprintf(w, "  '--%s"+value+"' \\\n", flag.Name, quoted.Replace(flag.Help))
	}
	fmt.Fprint(w, "  '1:command:((")
	for _, command := range model.Children {
		fmt.Fprintf(w, `%s\:"%s" `, command.Name, strings.NewReplacer("'", `'\''`, `"`, `\"`, "$", `\$`).Replace(command.Help))
	}
	fmt.Fprintln(w, "))' \\\n  '2:shell:(bash zsh fish)'")
}

func completeFish(w io.Writer, model *kong.Application) {
	quoted := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	fmt.Fprintln(w, "complete -c mlcache -n __fish_use_subcommand -f")
	for _, command := range model.Children {
		fmt.Fprintf(w, "complete -c mlcache -n __fish_use_subcommand -a %s -d '%s'\n", command.Name, quoted.Replace(command.Help))
	}
	fmt.Fprintln(w, "complete -c mlcache -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'")
	for _, flag := range model.Flags {
		takesValue := " -r"
		if flag.IsBool() {
			takesValue = ""
		}
		fmt.Fprintf(w, "complete -c mlcache -l %s%s -d '%s'\n", flag.Name, takesValue, quoted.Replace(flag.Help))
	}
}
