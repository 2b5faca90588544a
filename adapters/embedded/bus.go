package embedded

import "github.com/multi-layer-cache/multi-layer-cache/ports"

var _ ports.Bus = (*Layer)(nil)

// Listen keeps nothing: there is no other instance to send invalidations.
func (l *Layer) Listen(ports.Listener) {}

// Connected is always true: no invalidation can be missed.
func (l *Layer) Connected() bool { return true }

// Reachable is always true: the layer is in the process.
func (l *Layer) Reachable() bool { return true }
