package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/layers"
)

const (
	// overhead is what the process takes at most beside what its layers hold:
	// itself, connections, requests and answers under way.
	overhead = 256 << 20
	// outside is the part of that which Go's runtime does not see, the program's
	// code above all.
	outside = 56 << 20
	// ofContainer is the share of a container's memory that is used at most, in
	// percent: the kernel counts the buffers of connections as well.
	ofContainer = 85
	// reserve is what the collector takes for memory in use, so that a small heap is
	// not collected every few hundred requests. It is never touched, and so is none.
	reserve = 16 << 20
)

// limitMemory makes the garbage collector work harder when the process comes near
// to the memory it may take: that of its layers and the overhead, or of its
// container if that is less. GOMEMLIMIT, if it is set, counts instead. The caller
// keeps what is returned for as long as it serves.
func limitMemory(cfg Config, log *slog.Logger) (reserved []byte) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	limit := int64(cfg.L1MaxBytes) + overhead
	if cfg.RedisURL == "" {
		limit += layers.EmbeddedBytes
	}
	from := "MLCACHE_L1_MAX_BYTES"
	if container, err := memlimit.FromCgroup(); err == nil && container < uint64(limit)*100/ofContainer {
		limit, from = int64(container)*ofContainer/100, "container"
	}
	limit -= outside
	debug.SetMemoryLimit(limit + reserve)
	log.Info("memory is limited", "bytes", limit, "from", from)
	return make([]byte, reserve)
}
