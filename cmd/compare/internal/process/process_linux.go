package process

import "syscall"

// OwnGroup keeps the terminal's interrupt away from a child, which this program
// ends itself, and has the system end the child should this program be killed.
func OwnGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
