//go:build !linux

package process

import "syscall"

// OwnGroup keeps the terminal's interrupt away from a child, which this program
// ends itself.
func OwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
