package ports

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// ForWaiters returns e as callers that waited receive it: the kind of its Failure,
// or its Entry unless the stored form of that is larger than LargeBytes.
func (e Ending) ForWaiters() Ending {
	switch {
	case e.Failure != nil:
		return Ending{Failure: domain.RecallFailure(domain.FailureKind(e.Failure))}
	case e.Unshared, e.Entry != nil && isLarge(e.Entry):
		return Ending{Unshared: true}
	default:
		return Ending{Entry: e.Entry}
	}
}

func isLarge(e *domain.Entry) bool {
	return e.Size() > LargeBytes || len(domain.AppendStored(nil, e)) > LargeBytes
}
