//go:build unix

package httpsource

import (
	"net"
	"syscall"
)

// quiet reports whether conn is open and has nothing to read, as an idle
// connection should. It asks the kernel, which knows before the goroutine that
// reads does.
func quiet(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var seen error
	// Control, since Read would wait for that goroutine.
	err = raw.Control(func(fd uintptr) {
		_, _, seen = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && (seen == syscall.EAGAIN || seen == syscall.EWOULDBLOCK)
}
