package redistest

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between clients and a server and forwards what they send, unless
// told otherwise. It ends with the test.
type Proxy struct {
	listener net.Listener
	target   string
	done     chan struct{}
	running  sync.WaitGroup

	mu    sync.Mutex
	open  chan struct{} // closed while bytes may pass
	conns map[net.Conn]struct{}
}

// StartProxy starts a proxy in front of the address target.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{
		listener: l, target: target, done: make(chan struct{}),
		open: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	close(p.open)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		close(p.done)
		l.Close()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// Addr returns the host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns the address as a redis:// URL.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// Silence stops forwarding without a word, as a network does that loses each
// packet: connections stay open, new ones are accepted, nothing passes and no
// end is seen. What is sent waits.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.passableLocked() {
		p.open = make(chan struct{})
	}
}

// Resume ends the silence: what waited arrives.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.passableLocked() {
		close(p.open)
	}
}

func (p *Proxy) passableLocked() bool {
	select {
	case <-p.open:
		return true
	default:
		return false
	}
}

// Cut closes all connections. New ones are served.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(conn) })
	}
}

// serve forwards in both directions until both have ended.
func (p *Proxy) serve(client net.Conn) {
	defer p.hold(client)()
	if !p.mayPass() {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.hold(server)()
	var back sync.WaitGroup
	back.Go(func() { p.forward(client, server) })
	p.forward(server, client)
	back.Wait()
}

// hold has conn closed by Cut, and by the function that it returns.
func (p *Proxy) hold(conn net.Conn) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	select {
	case <-p.done: // too late for the last Cut
		conn.Close()
	default:
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
		conn.Close()
	}
}

// mayPass waits for the end of a silence. It returns false when the proxy ends.
func (p *Proxy) mayPass() bool {
	p.mu.Lock()
	open := p.open
	p.mu.Unlock()
	select {
	case <-open:
		return true
	case <-p.done:
		return false
	}
}

// forward copies until from ends, and then ends both.
func (p *Proxy) forward(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !p.mayPass() {
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
