package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completion returns a script with which a shell completes commands and flags.
func completion(shell string, model *kong.Application) string {
	switch shell {
	case "bash":
		return bashCompletion(model)
	case "zsh":
		return zshCompletion(model)
	}
	return fishCompletion(model)
}

// bashCompletion leaves the values of flags to the shell, which completes names of files.
func bashCompletion(model *kong.Application) string {
	words := make([]string, 0, len(model.Children)+len(model.Flags))
	var takeValues []string
	for _, command := range model.Children {
		words = append(words, command.Name)
	}
	for _, flag := range model.Flags {
		words = append(words, "--"+flag.Name)
		if !flag.IsBool() {
			takeValues = append(takeValues, "--"+flag.Name)
		}
	}
	return fmt.Sprintf(`# bash completion for mlcache: source it, or put it into /usr/share/bash-completion/completions
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

func zshCompletion(model *kong.Application) string {
	var w strings.Builder
	quoted := strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)
	fmt.Fprintln(&w, "#compdef mlcache\n_arguments \\")
	for _, flag := range model.Flags {
		value := "=[%s]:value:_files"
		if flag.IsBool() {
			value = "[%s]"
		}
		fmt.Fprintf(&w, "  '--%s"+value+"' \\\n", flag.Name, quoted.Replace(flag.Help))
	}
	fmt.Fprint(&w, "  '1:command:((")
	for _, command := range model.Children {
		fmt.Fprintf(&w, `%s\:"%s" `, command.Name, strings.NewReplacer("'", `'\''`, `"`, `\"`, "$", `\$`).Replace(command.Help))
	}
	fmt.Fprintln(&w, "))' \\\n  '2:shell:(bash zsh fish)'")
	return w.String()
}

func fishCompletion(model *kong.Application) string {
	var w strings.Builder
	quoted := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	fmt.Fprintln(&w, "complete -c mlcache -n __fish_use_subcommand -f")
	for _, command := range model.Children {
		fmt.Fprintf(&w, "complete -c mlcache -n __fish_use_subcommand -a %s -d '%s'\n", command.Name, quoted.Replace(command.Help))
	}
	fmt.Fprintln(&w, "complete -c mlcache -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'")
	for _, flag := range model.Flags {
		takesValue := " -r"
		if flag.IsBool() {
			takesValue = ""
		}
		fmt.Fprintf(&w, "complete -c mlcache -l %s%s -d '%s'\n", flag.Name, takesValue, quoted.Replace(flag.Help))
	}
	return w.String()
}
