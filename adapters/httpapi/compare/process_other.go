//go:build !linux

package main

import "syscall"

// ownGroup keeps the terminal's interrupt away from a child, which this program
// ends itself.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
