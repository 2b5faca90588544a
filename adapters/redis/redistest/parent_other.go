//go:build !linux

package redistest

import "syscall"

// endsWithParent is for Linux only: elsewhere, a server outlives a test that
// dies without cleaning up.
func endsWithParent() *syscall.SysProcAttr { return nil }
