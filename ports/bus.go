package ports

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// Bus delivers the invalidations of keys that other instances replaced or deleted
// in the shared layer, and purges. L2Store.Put, L2Store.Invalidate and Purger.Purge send
// them. An instance does not
// receive its own, unless it does not know that its write succeeded.
type Bus interface {
	// Listen has l receive invalidations from now on. It is called once, before
	// anything is read from the layers.
	Listen(l Listener)

	// Subscribed reports whether all invalidations arrive. It turns false when the
	// connection breaks, or has been silent for too long, and true after l was
	// told of the gap. It is cheap enough to be asked by each request.
	Subscribed() bool

	// Available reports whether the shared layer can be asked at all. When it
	// cannot, nothing can be verified there. It is as cheap as Subscribed.
	Available() bool
}

// Listener receives invalidations, from one goroutine at a time. Its methods
// neither block nor fail.
type Listener interface {
	// Invalidate says that another instance replaced or deleted the key.
	Invalidate(key domain.Key)

	// Purged says what is new in the record of purges (Purger), which this instance
	// may know already.
	Purged(p domain.Purges)

	// Gap says that invalidations may have been missed up to this moment, and that
	// from now on all of them arrive.
	Gap()
}
