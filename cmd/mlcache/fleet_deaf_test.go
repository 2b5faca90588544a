//go:build fleet

package main

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// deafener stands between an instance and Redis. It can withhold what Redis
// tells subscribers, and that alone, without an end of their connections.
type deafener struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // deaf or over
	deaf    bool
	over    bool
}

func startDeafener(t *testing.T, target string) *deafener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &deafener{listener: listener, target: target}
	d.changed = sync.NewCond(&d.mu)
	d.running.Go(d.accept)
	t.Cleanup(func() {
		listener.Close()
		d.set(func() { d.over = true })
		d.running.Wait()
	})
	return d
}

func (d *deafener) url() string { return "redis://" + d.listener.Addr().String() }

func (d *deafener) withhold(deaf bool) { d.set(func() { d.deaf = deaf }) }

func (d *deafener) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	d.changed.Broadcast()
}

// awaitHearing waits until what is withheld may pass.
func (d *deafener) awaitHearing() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.deaf && !d.over {
		d.changed.Wait()
	}
}

func (d *deafener) accept() {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", d.target)
		if err != nil {
			client.Close()
			continue
		}
		var subscribed atomic.Bool
		d.running.Go(func() {
			forward(server, client, func(sent []byte) {
				if bytes.Contains(sent, []byte("subscribe")) {
					subscribed.Store(true)
				}
			})
		})
		d.running.Go(func() {
			forward(client, server, func([]byte) {
				if subscribed.Load() {
					d.awaitHearing()
				}
			})
		})
	}
}

// forward copies until from ends, and then ends both. What is to be copied is
// shown before.
func forward(to, from net.Conn, show func([]byte)) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		show(buffer[:n])
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
