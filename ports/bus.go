package ports

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// Bus brings the news of keys that other instances replaced or deleted in the
// layer that all share. L2Store.Put and Delete send it; what an instance sent
// itself does not come back to it.
type Bus interface {
	// Listen has l told from now on. It is called once, before anything is
	// read from the layers.
	Listen(l Listener)

	// Subscribed reports whether all news arrives. It turns false when the
	// connection breaks, or has been silent for too long, and true after l was
	// told of the gap. It is cheap enough to be asked by each request.
	Subscribed() bool

	// Available reports whether the shared layer can be asked at all. When it
	// cannot, no doubt can be settled there. It is as cheap as Subscribed.
	Available() bool
}

// Listener hears the news, from one goroutine at a time. Its methods neither
// block nor fail.
type Listener interface {
	// Changed says that another instance replaced or deleted the key.
	Changed(key domain.Key)

	// Gap says that news may have been missed up to this moment, and that from
	// now on all of it arrives.
	Gap()
}
