package main

import (
	"strconv"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// bytesPerEntry is far more than an entry takes here, so that the limit of
	// bytes plays no part.
	bytesPerEntry = 1 << 20
	// life is longer than any replay.
	life = 365 * 24 * time.Hour
)

// ours replays requests through the cache of package lru, without and with
// admission, and returns the hits. It fails on options that the cache refuses.
// Nothing else in this command knows that cache.
func ours(requests []uint64, capacity int) (none, tinyLFU int, err error) {
	if none, err = oursWith(lru.PlainLRU, requests, capacity); err != nil {
		return 0, 0, err
	}
	tinyLFU, err = oursWith(lru.TinyLFU, requests, capacity)
	return none, tinyLFU, err
}

func oursWith(admission lru.Admission, requests []uint64, capacity int) (hits int, err error) {
	cache, err := lru.New(lru.Options{
		MaxEntries: capacity,
		MaxBytes:   int64(capacity) * bytesPerEntry,
		Admission:  admission,
	})
	if err != nil {
		return 0, err
	}
	defer cache.Close()
	value := domain.Copy{Entry: domain.NewEntry(domain.Value{}, life, 0), Remaining: life}
	return trace.Replay(requests, func(id uint64) bool {
		key, _ := domain.ParseKey(strconv.FormatUint(id, 10)) // digits are a key
		_, hit := cache.Get(key)
		if !hit {
			cache.Set(key, value, 0)
		}
		return hit
	}), nil
}
