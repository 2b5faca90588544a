package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// Codec turns values of one type into the bytes that are cached, and back.
type Codec[T any] struct {
	ContentType string
	Encode      func(T) ([]byte, error)
	Decode      func(body string) (T, error)
}

// JSON returns the codec of encoding/json.
func JSON[T any]() Codec[T] {
	return Codec[T]{
		ContentType: "application/json",
		Encode:      func(v T) ([]byte, error) { return json.Marshal(v) },
		Decode: func(body string) (v T, err error) {
			err = json.Unmarshal([]byte(body), &v)
			return v, err
		},
	}
}

func (c Codec[T]) value(v T) (domain.Value, error) {
	body, err := c.Encode(v)
	if err != nil {
		return domain.Value{}, fmt.Errorf("encode: %w", err)
	}
	return domain.Value{Body: string(body), ContentType: c.ContentType}, nil
}

// SourceOf makes a source of a function, whose values codec encodes. The function
// returns an error that wraps domain.ErrNotFound when there is no such key; it
// must end when its context does.
func SourceOf[T any](codec Codec[T], load func(ctx context.Context, key string) (T, error)) ports.Source {
	return typedSource[T]{codec, load}
}

type typedSource[T any] struct {
	codec Codec[T]
	load  func(ctx context.Context, key string) (T, error)
}

func (s typedSource[T]) Load(ctx context.Context, key domain.Key, _ domain.Validator) (domain.Value, error) {
	v, err := s.load(ctx, key.String())
	if err != nil {
		return domain.Value{}, err
	}
	return s.codec.value(v)
}

// Typed is a Service for values of one type. Each Get decodes, so the caller owns
// what it gets. It is safe for concurrent use if the codec is.
type Typed[T any] struct {
	service *Service
	codec   Codec[T]
}

// TypedBy returns s as a cache of what codec encodes.
func TypedBy[T any](codec Codec[T], s *Service) Typed[T] { return Typed[T]{s, codec} }

// Get returns the value of key. The error wraps domain.ErrInvalidKey,
// domain.ErrNotFound when the source has no such key, is one of Service.Get, or
// the codec's.
func (t Typed[T]) Get(ctx context.Context, key string) (v T, err error) {
	k, err := domain.ParseKey(key)
	if err != nil {
		return v, err
	}
	answer, err := t.service.Get(ctx, k)
	switch {
	case err != nil:
		return v, err
	case answer.Entry.Missing():
		return v, fmt.Errorf("%w: %q", domain.ErrNotFound, key)
	}
	if v, err = t.codec.Decode(answer.Entry.Body()); err != nil {
		return v, fmt.Errorf("decode %q: %w", key, err)
	}
	return v, nil
}

// Put makes v the value of key in every layer, with the TTL given, or with that
// of all values if it is negative. The error is one of Service.Put, wraps
// domain.ErrInvalidKey, or is the codec's.
func (t Typed[T]) Put(ctx context.Context, key string, v T, ttl time.Duration) error {
	k, err := domain.ParseKey(key)
	if err != nil {
		return err
	}
	value, err := t.codec.value(v)
	if err != nil {
		return err
	}
	return t.service.Put(ctx, k, value, ttl)
}

// Delete removes key from every layer. The error is one of Service.Delete or wraps
// domain.ErrInvalidKey.
func (t Typed[T]) Delete(ctx context.Context, key string) error {
	k, err := domain.ParseKey(key)
	if err != nil {
		return err
	}
	return t.service.Delete(ctx, k)
}
