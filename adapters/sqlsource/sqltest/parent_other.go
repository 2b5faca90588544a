//go:build !linux

package sqltest

import (
	"syscall"
	"testing"
)

// endsWithParent is for Linux only: elsewhere, a server outlives a test that
// dies without cleaning up.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// children are not looked for.
func children(testing.TB, int) []int { return nil }
