package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.HotList = (*Layer)(nil)

// hotName is the key of the row that has a cache's list of hot keys: JSON, by key the
// binary logarithm of the rate plus the time in half-lives, so that rates decay while
// nothing is written.
func hotName(cache string) string { return cache + "\x1fhot" }

// Publish adds keys to the list of the only cache of the layer.
func (l *Layer) Publish(ctx context.Context, keys []domain.HotKey) error {
	return l.publish(ctx, "", keys)
}

// Hottest returns those of that list.
func (l *Layer) Hottest(ctx context.Context, n int) ([]domain.HotKey, error) {
	return l.hottest(ctx, "", n)
}

// inHalfLives is a time as the scores of the list have it.
func inHalfLives(t time.Time) float64 {
	return float64(t.UnixMilli()) / float64(ports.HotHalfLife.Milliseconds())
}

func (l *Layer) publish(ctx context.Context, cache string, keys []domain.HotKey) error {
	l.hotLists.Lock()
	defer l.hotLists.Unlock()
	now := l.now()
	scores, err := l.hotScores(ctx, cache, now)
	if err != nil {
		return err
	}
	for _, hot := range keys {
		score := math.Log2(hot.Rate) + inHalfLives(now)
		if before, ok := scores[hot.Key.String()]; !ok || score > before {
			scores[hot.Key.String()] = score
		}
	}
	for _, name := range byScore(scores)[min(ports.HotListed, len(scores)):] {
		delete(scores, name)
	}
	form, err := json.Marshal(scores)
	if err == nil {
		err = l.store.put(ctx, hotName(cache), form, now.Add(ports.HotPast*ports.HotHalfLife).UnixMilli(), now.UnixMilli())
	}
	if err != nil {
		return fmt.Errorf("embedded layer: hot keys: %w", err)
	}
	return nil
}

func (l *Layer) hottest(ctx context.Context, cache string, n int) (hottest []domain.HotKey, err error) {
	now := l.now()
	scores, err := l.hotScores(ctx, cache, now)
	if err != nil {
		return nil, err
	}
	names := byScore(scores)
	for _, name := range names[:min(n, len(names))] {
		if key, err := domain.ParseKey(name); err == nil {
			hottest = append(hottest, domain.HotKey{Key: key, Rate: math.Exp2(scores[name] - inHalfLives(now))})
		}
	}
	return hottest, nil
}

// hotScores returns the list, without what is forgotten.
func (l *Layer) hotScores(ctx context.Context, cache string, now time.Time) (map[string]float64, error) {
	row, ok, err := l.store.get(ctx, hotName(cache))
	if err != nil {
		return nil, fmt.Errorf("embedded layer: hot keys: %w", err)
	}
	scores := make(map[string]float64)
	if ok && row.deadline > now.UnixMilli() {
		_ = json.Unmarshal([]byte(row.form), &scores) // what cannot be read is an empty list
	}
	past := inHalfLives(now) - ports.HotPast
	maps.DeleteFunc(scores, func(_ string, score float64) bool { return score <= past })
	return scores, nil
}

// byScore returns the names with the highest scores first.
func byScore(scores map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(scores), func(a, b string) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
	})
}
