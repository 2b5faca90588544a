package mlcache

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// Encoding turns values into the bytes that are cached, and back. Its functions are
// safe for concurrent use.
type Encoding[V any] struct {
	ContentType string // a media type, which the service shows; may be empty
	Encode      func(V) ([]byte, error)
	// Decode returns a value that shares nothing with others: each Get decodes, and
	// its caller may change what it gets.
	Decode func(body string) (V, error)
}

// JSON is the encoding of encoding/json, and the default.
func JSON[V any]() Encoding[V] {
	return Encoding[V]{
		ContentType: "application/json",
		Encode:      func(v V) ([]byte, error) { return json.Marshal(v) },
		Decode: func(body string) (v V, err error) {
			err = json.Unmarshal([]byte(body), &v)
			return v, err
		},
	}
}

// Raw is the encoding of text and bytes as they are.
func Raw[V ~string | ~[]byte]() Encoding[V] {
	return Encoding[V]{
		ContentType: "application/octet-stream",
		Encode:      func(v V) ([]byte, error) { return []byte(v), nil },
		Decode:      func(body string) (V, error) { return V(body), nil },
	}
}

// encodingOf returns the encoding that an option gave, if it did, for values of type V.
func encodingOf[V any](given any) (e Encoding[V], err error) {
	e, ok := given.(Encoding[V])
	switch {
	case given == nil:
		return JSON[V](), nil
	case !ok:
		return e, fmt.Errorf("mlcache: Codec is a %T, but the values need a %T", given, e)
	case e.Encode == nil || e.Decode == nil:
		return e, errors.New("mlcache: Codec has no Encode or no Decode")
	}
	return e, nil
}

// value returns v as it is cached, with what is said of it.
func (e Encoding[V]) value(v V, said description) (domain.Value, error) {
	tags, err := domain.ParseTags(said.tags)
	if err != nil {
		return domain.Value{}, err
	}
	body, err := e.Encode(v)
	if err != nil {
		return domain.Value{}, fmt.Errorf("encode: %w", err)
	}
	return domain.Value{
		Body: string(body), ContentType: e.ContentType,
		TTL: said.ttl, NoStore: said.noStore, Tags: tags, Version: said.version,
	}, nil
}
