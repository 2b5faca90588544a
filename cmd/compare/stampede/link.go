package main

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// link is between one process and Redis, and can be cut. Its user closes it.
type link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
}

func newLink(ctx context.Context, target string) (*link, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", process.Loopback)
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	l.running.Go(l.accept)
	return l, nil
}

func (l *link) addr() string { return l.listener.Addr().String() }

func (l *link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.running.Go(func() { l.forward(conn) })
	}
}

// forward carries bytes both ways until one side ends, or the link is cut.
func (l *link) forward(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target) // on the loopback
	if err != nil {
		return
	}
	defer server.Close()
	if !l.keep(client) {
		return
	}
	defer l.forget(client)
	var other sync.WaitGroup
	other.Go(func() {
		_, _ = io.Copy(server, client) // how it ends does not matter
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
	_ = client.Close()
	other.Wait()
}

// keep reports whether the link is up, and notes a connection then.
func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.down {
		l.conns[c] = struct{}{}
	}
	return !l.down
}

func (l *link) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// cut ends all connections, and each new one, until mend.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		_ = c.Close()
	}
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

func (l *link) close() {
	_ = l.listener.Close()
	l.cut()
	l.running.Wait()
}
