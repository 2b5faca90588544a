package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// keysPerPurge is how many keys one purge invalidates at once.
const keysPerPurge = 64

// Purge removes keys, and all that has one of the tags, from every layer, or makes it
// stale. Once it has returned, no request here finds what was purged, and no load that
// began before brings it back; on other instances that holds as soon as they are told.
// The work is done although ctx ends. The error joins those of all parts that failed,
// each as Put's.
func (s *Service) Purge(ctx context.Context, p domain.PurgeRequest) error {
	return purge(ctx, s.rec, s.purges.purges, p, s.invalidate)
}

func purge(ctx context.Context, rec ports.Recorder, all *purges, p domain.PurgeRequest, invalidate func(context.Context, domain.Key, domain.Invalidation) error) error {
	ctx = context.WithoutCancel(ctx)
	errs := make([]error, len(p.Keys)+1)
	if p.All || len(p.Tags) > 0 {
		if err := all.purge(ctx, p.Purge); err != nil {
			rec.Event(ports.L2Failed)
			errs[len(p.Keys)] = fmt.Errorf("%w: %w", domain.ErrL2Unavailable, err)
		}
	}
	var under sync.WaitGroup
	turns := make(slots, keysPerPurge)
	for i, key := range p.Keys {
		turns <- struct{}{}
		under.Go(func() {
			defer turns.free()
			errs[i] = invalidate(ctx, key, domain.Invalidation{Version: p.Version, Soft: p.Soft})
		})
	}
	under.Wait()
	return errors.Join(errs...)
}
