package lru

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestTheLayoutIsWhatTheCommentsSay(t *testing.T) {
	assert.EqualValues(t, 14_336, unsafe.Sizeof(chunk{}))
	assert.Zero(t, unsafe.Sizeof(shard{})%64, "else shards share cache lines")
	assert.Zero(t, chunkSize%64)
}
