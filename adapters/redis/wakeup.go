package redis

import (
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// wakeUp is the message that wakes those that wait for a lease. It is the cache key
// alone when there is nothing to tell, which all versions understand, else
//
//	key NUL lease NUL kind       of the failure
//	key NUL lease NUL NUL form   the stored form of an entry that L2 does not store
//	key NUL lease NUL NUL        there is one, but it is too large to be told
//
// Neither keys nor leases nor kinds contain a NUL, and only a beat begins with one.
type wakeUp struct {
	key, lease string
	ending     ports.Ending
}

const nul = "\x00"

// wakeUpFor returns the message for waiters of lease.
func wakeUpFor(key domain.Key, lease ports.Lease, e ports.Ending) string {
	e = e.ForWaiters()
	head := key.String() + nul + lease.Token + nul
	switch {
	case e.Failure != nil:
		return head + domain.FailureKind(e.Failure)
	case e.Entry != nil:
		return head + nul + string(domain.AppendStored(nil, e.Entry))
	case e.Unshared:
		return head + nul
	default:
		return key.String()
	}
}

// parseWakeUp reads a message. A form of a later version is something that waiters
// have to load themselves.
func parseWakeUp(message string) wakeUp {
	key, rest, _ := strings.Cut(message, nul)
	lease, says, told := strings.Cut(rest, nul)
	w := wakeUp{key: key, lease: lease}
	form, isEntry := strings.CutPrefix(says, nul)
	switch {
	case !told:
	case !isEntry:
		w.ending.Failure = domain.RecallFailure(says)
	default:
		entry, err := domain.ParseStored(form)
		w.ending = ports.Ending{Entry: entry, Unshared: err != nil}
	}
	return w
}
