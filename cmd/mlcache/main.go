// Command mlcache is the cache as a service. "mlcache serve", or just
// "mlcache", runs it; "mlcache healthcheck" asks a running one whether it
// serves, for containers without a shell. "mlcache prove" plays trouble to instances of
// it. "completion" and "man" print what packages install.
//
// The exit status is 2 when the command line or a setting is wrong, and 1 for
// every other failure.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr, nil)
	if err == nil {
		return
	}
	if !errors.As(err, new(loggedError)) {
		fmt.Fprintln(os.Stderr, "mlcache:", err)
	}
	if errors.As(err, new(usageError)) {
		os.Exit(2)
	}
	os.Exit(1)
}

// run does what the arguments and the environment say, until it is done or ctx
// ends. A service that listens tells listening its address, if that is not nil.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, listening func(net.Addr)) error {
	command, done, err := parse(args, stdout)
	if err != nil || done {
		return err
	}
	switch command.name {
	case "healthcheck":
		return checkHealth(ctx, serviceAt(command, os.Args[0], "/proc/1/cmdline"))
	case "completion <shell>":
		fmt.Fprint(stdout, completion(command.Completion.Shell, command.model))
		return nil
	case "prove":
		return proof(ctx, command.Prove, stdout, stderr)
	case "man":
		fmt.Fprint(stdout, manual(command.model))
		return nil
	}
	return serve(ctx, command.Config, stderr, listening)
}
