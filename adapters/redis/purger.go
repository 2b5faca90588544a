package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Purger = (*Store)(nil)

const (
	// mostTagPurges is how many purges of tags the server remembers at most.
	mostTagPurges = 64 << 10
	// generations is above all of them. They are scores, which have 53 bits.
	generations = 1 << 52

	// purgeHead begins a message about purges, after which come, each with a NUL in
	// between, what a reply of purge.lua has, with the names of the purged tags alone. To
	// versions before it, it is about an invalid key, which they ignore.
	purgeHead = nul + "purge" + nul
	hardName  = "h"
	softName  = "s"
)

// record is the name of the record of purges.
func (c *Client) record() string { return c.prefix + "purges" }

// Purge records p and tells the other instances in one round trip.
func (s *Store) Purge(ctx context.Context, p domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error) {
	return s.purge(ctx, s.client.trafficOfWrite(nil), p, known, remembered)
}

// Purges reads the record in one round trip.
func (s *Store) Purges(ctx context.Context, known domain.Mark) (domain.Purges, error) {
	return s.purge(ctx, leases, domain.Purge{}, known, 0)
}

func (s *Store) purge(ctx context.Context, t traffic, p domain.Purge, known domain.Mark, remembered time.Duration) (domain.Purges, error) {
	c := s.client
	args := make([]any, 0, 8+len(p.Tags))
	args = append(args, 1+rand.Uint64N(generations-1), known.Generation, known.Number, p.Soft, p.All, remembered.Milliseconds(), mostTagPurges, c.changes())
	for _, tag := range p.Tags {
		args = append(args, tag)
	}
	cmd, err := c.run(ctx, purgeScript, t, []string{c.record()}, args...)
	if err != nil {
		return domain.Purges{}, fmt.Errorf("redis purge: %w", err)
	}
	reply, _ := cmd.Slice()
	switch {
	case isLate(reply):
		return domain.Purges{}, fmt.Errorf("redis purge: %w", errNotSent)
	case len(reply) != 6:
		return domain.Purges{}, fmt.Errorf("redis purge: unexpected reply %v", reply)
	}
	learned := domain.Purges{
		Mark: domain.Mark{Generation: number(reply[0]), Number: number(reply[1])},
		All:  number(reply[2]), AllSoft: number(reply[3]), Floor: number(reply[4]),
	}
	tags, _ := reply[5].([]any)
	for i := 1; i < len(tags); i += 2 {
		name, _ := tags[i-1].(string)
		learned.Tags = appendTag(learned.Tags, name, number(tags[i]))
	}
	return learned, nil
}

func number(reply any) uint64 {
	n, _ := reply.(int64)
	return uint64(max(0, n))
}

func appendTag(tags []domain.TagPurge, name string, number uint64) []domain.TagPurge {
	if tag, ok := strings.CutPrefix(name, hardName); ok {
		return append(tags, domain.TagPurge{Tag: tag, Number: number})
	}
	if tag, ok := strings.CutPrefix(name, softName); ok {
		return append(tags, domain.TagPurge{Tag: tag, Number: number, Soft: true})
	}
	return tags // of a later version
}

// parsePurges reads a message about purges, and reports whether it is one.
func parsePurges(message string) (learned domain.Purges, ok bool) {
	rest, ok := strings.CutPrefix(message, purgeHead)
	parts := strings.Split(rest, nul)
	if !ok || len(parts) < 5 {
		return domain.Purges{}, false
	}
	for i, to := range []*uint64{&learned.Generation, &learned.Number, &learned.All, &learned.AllSoft, &learned.Floor} {
		n, err := strconv.ParseUint(parts[i], 10, 64)
		if err != nil {
			return domain.Purges{}, false
		}
		*to = n
	}
	for _, name := range parts[5:] {
		learned.Tags = appendTag(learned.Tags, name, learned.Number)
	}
	return learned, true
}
