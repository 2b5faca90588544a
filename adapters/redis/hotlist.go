package redis

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.HotList = (*Store)(nil)

// Publish adds the keys in one round trip.
func (s *Store) Publish(ctx context.Context, keys []domain.HotKey) error {
	if len(keys) == 0 {
		return nil
	}
	_, err := s.hot(ctx, 0, keys)
	return err
}

// Hottest reads the list in one round trip.
func (s *Store) Hottest(ctx context.Context, n int) ([]domain.HotKey, error) {
	return s.hot(ctx, n, nil)
}

func (s *Store) hot(ctx context.Context, n int, add []domain.HotKey) (hottest []domain.HotKey, err error) {
	args := make([]any, 0, 5+2*len(add))
	args = append(args, n, ports.HotHalfLife.Milliseconds(), ports.HotListed, ports.HotPast)
	for _, hot := range add {
		args = append(args, strconv.FormatFloat(math.Log2(hot.Rate), 'f', -1, 64), hot.Key.String())
	}
	cmd, err := s.client.run(ctx, hotScript, bulk, []string{s.client.hotList()}, args...)
	if err != nil {
		return nil, fmt.Errorf("redis hot keys: %w", err)
	}
	reply, err := cmd.StringSlice()
	if err == nil && len(reply) == 1 {
		err = errNotSent
	}
	if err != nil {
		return nil, fmt.Errorf("redis hot keys: %w", err)
	}
	for i := 1; i < len(reply); i += 2 {
		key, err := domain.ParseKey(reply[i-1])
		logarithm, bad := strconv.ParseFloat(reply[i], 64)
		if err == nil && bad == nil {
			hottest = append(hottest, domain.HotKey{Key: key, Rate: math.Exp2(logarithm)})
		}
	}
	return hottest, nil
}
