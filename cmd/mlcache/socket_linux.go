package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes of answers the kernel holds for a connection beyond what
// its client lets it send.
const unsent = 128 << 10

// bounded keeps the kernel from taking megabytes of an answer for a client that
// does not read: they cost memory, and hide that the client has stopped. Accepted
// connections inherit it.
func bounded(_, _ string, raw syscall.RawConn) error {
	var err error
	controlled := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	})
	if controlled != nil {
		return controlled
	}
	return err
}
