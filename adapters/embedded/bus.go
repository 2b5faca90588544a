package embedded

import "github.com/multi-layer-cache/multi-layer-cache/ports"

var _ ports.Bus = (*Layer)(nil)

// Listen keeps nothing: there is no other instance to send invalidations.
func (l *Layer) Listen(ports.Listener) {}

// Subscribed is always true: no invalidation can be missed.
func (l *Layer) Subscribed() bool { return true }

// Available is always true: the layer is in the process.
func (l *Layer) Available() bool { return true }
