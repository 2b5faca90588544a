package redistest

import (
	"bufio"
	"bytes"
	"net"
	"sync"
	"time"
)

// link is one connection through a Proxy. Each direction has a goroutine that reads
// messages and one that delivers them when they are due.
type link struct {
	p              *Proxy
	client, server net.Conn
	gone           chan struct{} // closed when the link has ended
	end            func()

	mu             sync.Mutex
	isSubscription bool
	replies        []*Accident // of the requests that have no reply yet, in order; nil for none
}

// message is on its way.
type message struct {
	bytes    []byte
	due      time.Time
	accident *Accident
	isTold   bool // to a subscription
}

// onTheWay is how many messages one direction holds at the most.
const onTheWay = 4096

func newLink(p *Proxy, client, server net.Conn) *link {
	l := &link{p: p, client: client, server: server, gone: make(chan struct{})}
	l.end = sync.OnceFunc(func() {
		close(l.gone)
		client.Close()
		server.Close()
	})
	return l
}

func (l *link) run() {
	var all sync.WaitGroup
	requests, replies := make(chan message, onTheWay), make(chan message, onTheWay)
	all.Go(func() { l.read(l.client, requests, func(m *message) { m.accident = l.accidentOfRequest(m.bytes) }) })
	all.Go(func() {
		l.read(l.server, replies, func(m *message) { m.accident, m.isTold = l.accidentOfReply(m.bytes) })
	})
	all.Go(func() { l.deliver(l.server, requests) })
	all.Go(func() { l.deliver(l.client, replies) })
	all.Wait()
}

// accidentOfRequest notes what will happen to the reply and returns what happens to
// the request.
func (l *link) accidentOfRequest(request []byte) *Accident {
	a := l.p.accidents.of(request)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isSubscription = l.isSubscription || bytes.Contains(bytes.ToLower(request[:min(len(request), 32)]), []byte("subscribe"))
	if a != nil && a.reply {
		l.replies = append(l.replies, a)
		return nil
	}
	l.replies = append(l.replies, nil)
	return a
}

// accidentOfReply returns what happens to a reply, or to what the server tells a
// subscription by itself.
func (l *link) accidentOfReply(reply []byte) (a *Accident, isTold bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reply[0] == '>' || l.isSubscription && reply[0] == '*' {
		return l.p.messages.of(reply), true
	}
	if len(l.replies) == 0 {
		return nil, false
	}
	a = l.replies[0]
	l.replies = l.replies[1:]
	return a, false
}

func (l *link) read(from net.Conn, to chan<- message, classify func(*message)) {
	defer close(to)
	for r := bufio.NewReaderSize(from, 64<<10); ; {
		whole, err := readMessage(r)
		if err != nil {
			return
		}
		m := message{bytes: whole, due: time.Now().Add(l.p.network.delay())}
		classify(&m)
		select {
		case to <- m:
		case <-l.gone:
			return
		}
	}
}

// deliver writes messages in order, each when it is due, until there are no more.
func (l *link) deliver(to net.Conn, messages <-chan message) {
	defer l.end()
	for m := range messages {
		if a := m.accident; a != nil {
			if a.strand {
				l.client.Close()
			}
			close(a.Begun)
			switch {
			case a.lose:
				return
			case a.freeze:
				<-l.gone
				return
			case a.held != nil && !l.await(a.held):
				return
			}
		}
		if !l.pause(time.Until(m.due)) || !l.write(to, m.bytes) {
			return
		}
		if m.isTold {
			l.p.late.note(m.due, time.Now())
		}
		if m.accident != nil {
			close(m.accident.Over)
		}
	}
}

// write delivers a message at the pace of the network.
func (l *link) write(to net.Conn, rest []byte) bool {
	for len(rest) > 0 {
		n, pause := l.p.network.pace()
		n = min(n, len(rest))
		if !l.p.mayPass() {
			return false
		}
		if _, err := to.Write(rest[:n]); err != nil {
			return false
		}
		if rest = rest[n:]; !l.pause(pause) {
			return false
		}
	}
	return true
}

// pause waits, and reports whether the link still stands.
func (l *link) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	passed := make(chan struct{})
	defer time.AfterFunc(d, func() { close(passed) }).Stop()
	return l.await(passed)
}

// await waits until something happened, and reports whether the link still stands.
func (l *link) await(happened <-chan struct{}) bool {
	select {
	case <-happened:
		return true
	case <-l.gone:
		return false
	case <-l.p.done:
		return false
	}
}

// pause waits, and reports whether the proxy still stands.
func (p *Proxy) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}
