package embedded

import (
	"fmt"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// row is what is stored for a key: the stored form of the entry, and the deadline,
// the end of its TTL and Keep, in Unix milliseconds of this machine's clock.
type row struct {
	form     string
	deadline int64
}

// encode appends the stored form of e to dst, and returns it with its deadline. The
// entry must have a TTL.
func encode(dst []byte, e *domain.Entry, now time.Time) (form []byte, deadline int64) {
	form = domain.AppendStored(slices.Grow(dst, e.Size()+64), e)
	return form, now.Add(e.TTL()).Add(e.Keep()).UnixMilli()
}

// decode returns the copy that r is at that time, and whether it is fresh or kept.
func decode(r row, now time.Time) (domain.Copy, bool, error) {
	remaining := time.UnixMilli(r.deadline).Sub(now)
	if remaining <= 0 {
		return domain.Copy{}, false, nil
	}
	e, err := domain.ParseStored(r.form)
	if err != nil {
		return domain.Copy{}, false, fmt.Errorf("embedded layer: %w", err)
	}
	left := remaining - e.Keep()
	if left > e.TTL() {
		// The clock was set back before a restart, so the age is unknown.
		return domain.Copy{}, false, nil
	}
	return domain.Copy{Entry: e, Remaining: left}, true, nil
}
