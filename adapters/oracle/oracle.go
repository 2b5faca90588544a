// Package oracle simulates the slow system of record: it has a value for every
// key, and takes its time. It exists to try the cache and to demonstrate it,
// and knows nothing of caching.
package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Source = (*Source)(nil)

// Source answers every key after the same delay.
type Source struct{ delay time.Duration }

// New returns a source that takes delay for each answer. It fails on a
// negative delay.
func New(delay time.Duration) (*Source, error) {
	if delay < 0 {
		return nil, fmt.Errorf("oracle: delay is %v, must not be negative", delay)
	}
	return &Source{delay: delay}, nil
}

// Load returns a JSON value that names the key. When ctx ends first, it returns
// the cause of that at once.
func (s *Source) Load(ctx context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	if err := sleep(ctx, s.delay); err != nil {
		return domain.Value{}, err
	}
	body, err := render(key.String())
	if err != nil {
		return domain.Value{}, fmt.Errorf("%w: %w", domain.ErrSourceFailed, err)
	}
	return domain.Value{Body: body, ContentType: "application/json"}, nil
}

// sleep returns after d, or with the cause of ctx's end. A ctx that has ended
// wins even when d is 0.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// render writes the JSON without json.Marshal's escapes for HTML, so that the
// key appears as it was given wherever JSON allows it.
func render(key string) (string, error) {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}{key, "Data for " + key + " from Oracle"})
	return strings.TrimSuffix(out.String(), "\n"), err
}
