//go:build !linux

package sqltest

import "syscall"

// endsWithParent is for Linux only: elsewhere, a server outlives a test that
// dies without cleaning up.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
