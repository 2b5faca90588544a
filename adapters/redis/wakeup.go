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
//	key NUL =lease NUL NUL form  what L2 stores of the entry that filled it
//
// Neither keys nor leases nor kinds contain a NUL, no lease begins with an equals sign,
// and only a beat begins with a NUL. To versions before the last of these messages, it is
// about a lease that they do not wait for, so they look in L2.
type wakeUp struct {
	key, lease string
	ending     ports.Ending
	stored     *domain.Entry // by the fill that ended the lease; nil: unknown
}

const (
	nul        = "\x00"
	storedMark = "="
)

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

// storedWakeUp returns what precedes the stored form of an entry that fills L2.
func storedWakeUp(key domain.Key, lease ports.Lease) string {
	return key.String() + nul + storedMark + lease.Token + nul + nul
}

// parseWakeUp reads a message. A form of a later version is something that waiters
// have to load themselves, unless L2 stores it.
func (f *forms) parseWakeUp(message string) wakeUp {
	key, rest, _ := strings.Cut(message, nul)
	lease, says, told := strings.Cut(rest, nul)
	lease, isStored := strings.CutPrefix(lease, storedMark)
	w := wakeUp{key: key, lease: lease}
	form, isEntry := strings.CutPrefix(says, nul)
	switch {
	case !told:
	case isStored:
		w.stored, _ = f.parse(form) // else they look
	case !isEntry:
		w.ending.Failure = domain.RecallFailure(says)
	default:
		entry, err := domain.ParseStored(form)
		w.ending = ports.Ending{Entry: entry, Unshared: err != nil}
	}
	return w
}
