package redistest

import (
	"net"
	"strconv"
	"sync"
)

// cable is what a replica is connected to its master by. It passes bytes on as they
// are, and can hold up those to the replica.
type cable struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	open  chan struct{} // closed while bytes may pass
	cut   chan struct{} // closed when it is of no use any more
	conns []net.Conn
}

func startCable(t T, target string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := &cable{listener: l, target: target, open: make(chan struct{}), cut: make(chan struct{})}
	close(c.open)
	c.running.Go(c.accept)
	t.Cleanup(c.Cut)
	return c
}

func (c *cable) port() string { return strconv.Itoa(c.listener.Addr().(*net.TCPAddr).Port) }

func (c *cable) accept() {
	for {
		replica, err := c.listener.Accept()
		if err != nil {
			return
		}
		master, err := net.Dial("tcp", c.target)
		if err != nil {
			replica.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, replica, master)
		c.mu.Unlock()
		c.running.Go(func() { c.pass(master, replica, false) })
		c.running.Go(func() { c.pass(replica, master, true) })
	}
}

func (c *cable) pass(to, from net.Conn, mayWait bool) {
	defer to.Close()
	defer from.Close()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if err != nil || mayWait && !c.await() {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// await waits until bytes may pass, and reports whether the cable still stands.
func (c *cable) await() bool {
	c.mu.Lock()
	open := c.open
	c.mu.Unlock()
	select {
	case <-c.cut:
		return false
	default:
	}
	select {
	case <-open:
		return true
	case <-c.cut:
		return false
	}
}

func (c *cable) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.open:
		c.open = make(chan struct{})
	default:
	}
}

func (c *cable) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.open:
	default:
		close(c.open)
	}
}

// Cut ends the connection for good. What was held up is lost.
func (c *cable) Cut() {
	c.mu.Lock()
	select {
	case <-c.cut:
	default:
		close(c.cut)
	}
	c.listener.Close()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.running.Wait()
}
