//go:build !unix

package httpsource

import "net"

// quiet is for systems on which the state of a connection shows only when it is
// used.
func quiet(net.Conn) bool { return true }
