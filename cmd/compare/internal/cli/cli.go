// Package cli is the edge that all commands of this module have: how they start,
// end, and read their flags. It knows none of them.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// Run is a command. It writes its result to out and how far it is to progress,
// and stops at the first error, with nothing or only whole tables on out.
type Run func(ctx context.Context, args []string, out, progress io.Writer) error

// Main runs a command with this process's arguments until it is done or the
// process is asked to end. An error ends the process with status 1.
func Main(name string, run Run) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Parse reads args, and writes the usage if they ask for it.
func Parse(flags *flag.FlagSet, args []string, usage io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(usage)
		flags.Usage()
	}
	return err
}

// ParseAll reads args, of which there are only flags.
func ParseAll(flags *flag.FlagSet, args []string, usage io.Writer) error {
	if err := Parse(flags, args, usage); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

// Numbers is a flag of whole numbers from Least up, separated by commas.
type Numbers struct {
	Least int
	All   []int
}

func (n *Numbers) String() string {
	texts := make([]string, len(n.All))
	for i, number := range n.All {
		texts[i] = strconv.Itoa(number)
	}
	return strings.Join(texts, ",")
}

// Set implements [flag.Value].
func (n *Numbers) Set(list string) error {
	n.All = nil
	for text := range strings.SplitSeq(list, ",") {
		number, err := strconv.ParseInt(text, 10, 31)
		if err != nil || int(number) < n.Least {
			return fmt.Errorf("%q is not a whole number from %d up", text, n.Least)
		}
		n.All = append(n.All, int(number))
	}
	return nil
}
