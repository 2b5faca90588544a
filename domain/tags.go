package domain

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxTags is how many tags a value has at most.
	MaxTags = 64
	// MaxTagBytes is how long each is at most.
	MaxTagBytes = 128
)

// Tags name groups that a value belongs to, so that all values of a group can be
// purged at once. They are sorted and distinct.
type Tags []string

// ParseTags returns the tags in names. The error wraps ErrInvalidTag when there are
// more than MaxTags, or one is empty, longer than MaxTagBytes, not valid UTF-8, or
// has white space or control characters.
func ParseTags(names []string) (Tags, error) {
	tags := slices.Clone(names)
	slices.Sort(tags)
	tags = slices.Compact(tags)
	if len(tags) > MaxTags {
		return nil, fmt.Errorf("%w: %d tags, %d allowed", ErrInvalidTag, len(tags), MaxTags)
	}
	for _, tag := range tags {
		switch {
		case tag == "" || len(tag) > MaxTagBytes:
			return nil, fmt.Errorf("%w: %d bytes, 1 to %d allowed", ErrInvalidTag, len(tag), MaxTagBytes)
		case !utf8.ValidString(tag) || strings.ContainsFunc(tag, notInTag):
			return nil, fmt.Errorf("%w: %q", ErrInvalidTag, tag)
		}
	}
	return tags, nil
}

func notInTag(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// clone returns the tags with bytes of their own.
func (t Tags) clone() Tags {
	if len(t) == 0 {
		return nil
	}
	own := make(Tags, len(t))
	for i, tag := range t {
		own[i] = strings.Clone(tag)
	}
	return own
}

func (t Tags) size() (n int) {
	const header = 16 // of each string
	for _, tag := range t {
		n += len(tag) + header
	}
	return n
}
