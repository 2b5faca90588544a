package redistest

import (
	"bytes"
	"sync"
)

// Accident happens once, to the next request that contains a text, or to the reply to
// it.
type Accident struct {
	// Begun is closed when it happens, and Over when what was late has been delivered.
	Begun, Over chan struct{}

	text   string
	reply  bool          // it happens to the reply
	held   chan struct{} // it is delivered when this is closed, and so is all that follows it; nil: at once
	lose   bool          // in its place the connection is reset
	strand bool          // the connection is reset, and what was sent arrives all the same
	freeze bool          // in its place, and ever after, nothing passes
}

// Deliver lets what was held up pass.
func (a *Accident) Deliver() { close(a.held) }

// accidents are those that have not happened yet.
type accidents struct {
	mu   sync.Mutex
	open []*Accident
}

func (a *accidents) add(next Accident) *Accident {
	next.Begun, next.Over = make(chan struct{}), make(chan struct{})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = append(a.open, &next)
	return &next
}

// of returns the accident of a request, or nil. It is that request's alone.
func (a *accidents) of(request []byte) *Accident {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, candidate := range a.open {
		if bytes.Contains(request, []byte(candidate.text)) {
			a.open = append(a.open[:i:i], a.open[i+1:]...)
			return candidate
		}
	}
	return nil
}

// HoldRequest holds up the next request that contains text, and with it all that
// follows on its connection, until it is told to deliver it.
func (p *Proxy) HoldRequest(text string) *Accident {
	return p.accidents.add(Accident{text: text, held: make(chan struct{})})
}

// HoldReply does that to the reply to the next request that contains text: the
// server has done what it was asked.
func (p *Proxy) HoldReply(text string) *Accident {
	return p.accidents.add(Accident{text: text, reply: true, held: make(chan struct{})})
}

// LoseRequest resets the connection in place of the next request that contains
// text: the server never sees it.
func (p *Proxy) LoseRequest(text string) *Accident {
	return p.accidents.add(Accident{text: text, lose: true})
}

// StrandRequest resets the client's connection when the next request that contains
// text comes, which is delivered all the same, when it is told to.
func (p *Proxy) StrandRequest(text string) *Accident {
	return p.accidents.add(Accident{text: text, strand: true, held: make(chan struct{})})
}

// LoseReply resets the connection in place of the reply to the next request that
// contains text: the server has done what it was asked.
func (p *Proxy) LoseReply(text string) *Accident {
	return p.accidents.add(Accident{text: text, reply: true, lose: true})
}

// FreezeReply lets nothing pass any more on the connection of the next request that
// contains text, from the reply to it on, and leaves it open (half-open, as after a
// reboot of what is between).
func (p *Proxy) FreezeReply(text string) *Accident {
	return p.accidents.add(Accident{text: text, reply: true, freeze: true})
}

// HoldMessage holds up the next message of a subscription that contains text, and
// with it all that follows there.
func (p *Proxy) HoldMessage(text string) *Accident {
	return p.messages.add(Accident{text: text, held: make(chan struct{})})
}
