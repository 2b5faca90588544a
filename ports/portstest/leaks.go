package portstest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, and fails if they leave goroutines behind.
// Those may take a while to end on a busy machine, where a client of a server that
// is gone still tries to reach it.
func Main(m *testing.M, options ...goleak.Option) { os.Exit(Run(m, options...)) }

// Run is Main for a package that has to clean up before it exits with the status.
func Run(m *testing.M, options ...goleak.Option) (code int) {
	code = m.Run()
	for began := time.Now(); code == 0; {
		err := goleak.Find(options...)
		if err == nil {
			break
		}
		if time.Since(began) > promptly {
			fmt.Fprintln(os.Stderr, "goroutines are left behind:", err)
			code = 1
		}
	}
	return code
}
