package embedded

import (
	"fmt"
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// gate counts the calls under way, so that Badger is not closed under them: it
// unmaps the files that they read from.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return fmt.Errorf("embedded layer: %w", domain.ErrClosed)
	}
	g.inside.Add(1)
	return nil
}

func (g *gate) leave() { g.inside.Done() }

// shut lets nobody in any more and waits until everybody has left.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
