package redistest

import (
	"crypto/tls"
	"net"
	"sync"
)

// Proxy is a network of the test's own between clients and a server. It forwards
// what they send, message by message and in order, as its Network has it, and
// knows accidents that happen once. It ends with the test.
type Proxy struct {
	listener  net.Listener
	target    string
	scheme    string
	network   weather
	accidents accidents // of requests and replies
	messages  accidents // of what subscriptions are told
	late      lateness
	done      chan struct{}
	running   sync.WaitGroup

	mu    sync.Mutex
	open  chan struct{} // closed while bytes may pass
	conns map[net.Conn]struct{}
}

// StartProxy starts a proxy in front of the address target.
func StartProxy(t T, target string) *Proxy {
	t.Helper()
	return startProxy(t, target, "redis", nil)
}

// StartTLSProxy starts a proxy that clients speak TLS with, by the certificate c. It
// speaks plainly with the server.
func StartTLSProxy(t T, target string, c *Certificate) *Proxy {
	t.Helper()
	return startProxy(t, target, "rediss", &tls.Config{Certificates: []tls.Certificate{c.pair(t)}, MinVersion: tls.VersionTLS12})
}

func startProxy(t T, target, scheme string, secure *tls.Config) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	p := &Proxy{
		listener: l, target: target, scheme: scheme, done: make(chan struct{}),
		open: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	p.Become(Network{})
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

// Become changes the network for what is sent from now on.
func (p *Proxy) Become(n Network) { p.network.become(n) }

// PointTo makes target the server of new connections. Those that stand stay where
// they are, as when a name is switched to another address.
func (p *Proxy) PointTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Addr returns the host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns the address as a redis:// or rediss:// URL.
func (p *Proxy) URL() string { return p.scheme + "://" + p.Addr() }

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

// serve joins a client with the server until either has left.
func (p *Proxy) serve(client net.Conn) {
	defer p.hold(client)()
	// The handshake of TCP takes a round trip as well.
	if !p.pause(p.network.delay()+p.network.delay()) || !p.mayPass() {
		return
	}
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer p.hold(server)()
	newLink(p, client, server).run()
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
