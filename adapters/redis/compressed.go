package redis

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// A large stored form may be kept compressed:
//
//	"mlc\x02" length frame
//
// length is that of the stored form, an unsigned varint (encoding/binary), and frame is
// the form as zstd compresses it (RFC 8878), with a checksum. Versions that do not know
// it find an unknown form, which is a miss. This version reads it whatever its settings
// are.
const compressedMagic = "mlc\x02"

const (
	// largestForm is the longest form that is compressed, and that is decompressed: the
	// largest value that the program takes, and what is said of it.
	largestForm = 65 << 20
	// window is how far back the encoder looks for repetitions.
	window = 256 << 10
	// codersAtOnce is how many values are compressed, and how many decompressed, at
	// the same time, at most; others wait for their turn. One of each takes some 2 MB,
	// from its first use on.
	codersAtOnce = 4
)

// forms turns entries into what the server holds, and back. It is safe for concurrent
// use, has no goroutines and need not be closed.
type forms struct {
	above   int // forms that are longer are compressed; 0: none
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newForms(above int) (*forms, error) {
	if above < 0 {
		return nil, fmt.Errorf("redis: CompressAbove %d is negative", above)
	}
	coders := min(codersAtOnce, runtime.GOMAXPROCS(0))
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true), zstd.WithEncoderConcurrency(coders))
	if err != nil {
		return nil, fmt.Errorf("redis: zstd: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(coders),
		zstd.WithDecoderMaxMemory(largestForm), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("redis: zstd: %w", err)
	}
	return &forms{above: above, encoder: encoder, decoder: decoder}, nil
}

// of returns what the server is to hold of e.
func (f *forms) of(e *domain.Entry) []byte {
	plain := domain.AppendStored(make([]byte, 0, e.Size()+64), e)
	if f.above == 0 || len(plain) <= f.above || len(plain) > largestForm {
		return plain
	}
	room := len(compressedMagic) + binary.MaxVarintLen64 + f.encoder.MaxEncodedSize(len(plain))
	packed := append(make([]byte, 0, room), compressedMagic...)
	packed = binary.AppendUvarint(packed, uint64(len(plain)))
	if packed = f.encoder.EncodeAll(plain, packed); len(packed) >= len(plain) {
		return plain
	}
	return packed
}

// parse decodes what the server holds. The error wraps domain.ErrUndecodable. Whatever
// stored is, parse allocates little more than twice the length that stored claims, and
// nothing if that is more than largestForm.
func (f *forms) parse(stored string) (*domain.Entry, error) {
	length, frame, isCompressed := compressed(stored)
	if !isCompressed {
		return domain.ParseStored(stored)
	}
	if length > largestForm {
		return nil, fmt.Errorf("%w: compressed, and too large", domain.ErrUndecodable)
	}
	// Neither is written to: the decoder only reads the one, and lets go of the other.
	plain, err := f.decoder.DecodeAll(unsafe.Slice(unsafe.StringData(frame), len(frame)), make([]byte, 0, length))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrUndecodable, err)
	}
	if uint64(len(plain)) != length {
		return nil, fmt.Errorf("%w: compressed, and not as long as it says", domain.ErrUndecodable)
	}
	return domain.ParseStored(unsafe.String(unsafe.SliceData(plain), len(plain)))
}

// lengthOf returns how many bytes stored takes, here or decompressed, whichever is more.
// The beginning of a compressed form is enough to know the latter.
func lengthOf(stored string) uint64 {
	length, _, _ := compressed(stored)
	return max(length, uint64(len(stored)))
}

// compressed takes a compressed form apart. A length that cannot be read is 0, which no
// form has.
func compressed(stored string) (length uint64, frame string, is bool) {
	rest, is := strings.CutPrefix(stored, compressedMagic)
	length, n := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
	if !is || n <= 0 {
		return 0, "", is
	}
	return length, rest[n:], true
}
