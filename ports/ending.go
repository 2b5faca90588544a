package ports

import "github.com/multi-layer-cache/multi-layer-cache/domain"

// ForWaiters returns e as callers that waited receive it: the Entry, or that it is
// Unshared, else the kind of the Failure.
func (e Ending) ForWaiters() Ending {
	switch {
	case e.Unshared, e.Entry != nil && isLarge(e.Entry):
		return Ending{Unshared: true}
	case e.Entry != nil:
		return Ending{Entry: e.Entry}
	case e.Failure != nil:
		return Ending{Failure: domain.RecallFailure(domain.FailureKind(e.Failure))}
	}
	return Ending{}
}

func isLarge(e *domain.Entry) bool {
	return e.Size() > LargeBytes || len(domain.AppendStored(nil, e)) > LargeBytes
}
