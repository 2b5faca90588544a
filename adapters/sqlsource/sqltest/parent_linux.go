package sqltest

import "syscall"

// endsWithParent has the server killed when the test dies without cleaning up,
// as it does when go test's time is over.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
