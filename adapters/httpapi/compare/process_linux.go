package main

import "syscall"

// ownGroup keeps the terminal's interrupt away from a child, which this program
// ends itself, and has the system end the child should this program be killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
