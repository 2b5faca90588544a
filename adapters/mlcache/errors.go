package mlcache

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// The errors of a cache; compare with errors.Is. A loader may return those that say
// what its error means: ErrNotFound, ErrWithdrawn, ErrTimeout.
var (
	// ErrNotFound: there is no such key. The cache remembers that for NegativeTTL.
	ErrNotFound = domain.ErrNotFound

	// ErrSourceFailed: the load failed. The error of the loader is in the chain for
	// the callers that shared the load; during the cool-down after it, and on other
	// instances, there is only this.
	ErrSourceFailed = domain.ErrSourceFailed

	// ErrWithdrawn: the value must not be given out any more, says the loader. No
	// layer serves an older one.
	ErrWithdrawn = domain.ErrWithdrawn

	// ErrTimeout: the load took longer than LoadTimeout.
	ErrTimeout = domain.ErrTimeout

	// ErrOverloaded: as many loads are in flight as LoadConcurrency allows, and none
	// of them ended in time.
	ErrOverloaded = domain.ErrOverloaded

	// ErrNotCached: a Get with OnlyCached found nothing that will do.
	ErrNotCached = domain.ErrNotCached

	// ErrStillLoading: the load takes longer than a Get with Wait would wait. It goes
	// on, and a later Get finds its value.
	ErrStillLoading = domain.ErrStillLoading

	// ErrClosed: the cache is closed.
	ErrClosed = domain.ErrClosed

	// ErrInvalidKey: a key has 1 to 512 bytes of UTF-8 without control characters.
	ErrInvalidKey = domain.ErrInvalidKey

	// ErrInvalidTag: a tag has 1 to 128 bytes of UTF-8 without white space, and a
	// value has 64 tags at most.
	ErrInvalidTag = domain.ErrInvalidTag

	// ErrTooLarge: the value has more than MaxValueBytes when it is encoded. From a
	// loader it is ErrSourceFailed, too.
	ErrTooLarge = domain.ErrTooLarge

	// ErrOutdated: a Put has a lower version than is known of the key. Nothing was changed.
	ErrOutdated = domain.ErrOutdated

	// ErrL2Unavailable: Redis, or the disk, did not confirm a Put or Delete, which may
	// or may not have been applied.
	ErrL2Unavailable = domain.ErrL2Unavailable
)
