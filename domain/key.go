package domain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxKeyBytes is the longest key accepted, in bytes after percent-decoding.
const MaxKeyBytes = 512

// Key names one value of the source. The only way to a usable Key is ParseKey,
// so whoever holds one need not check it again. The zero Key is not valid.
// Keys are comparable and may be used as map keys.
type Key struct{ name string }

// ParseKey checks s and returns it as a Key. A key has 1 to MaxKeyBytes bytes,
// is valid UTF-8 and contains no control characters; everything else, slashes,
// spaces, braces and emoji included, is allowed. The error wraps ErrInvalidKey.
func ParseKey(s string) (Key, error) {
	switch {
	case s == "":
		return Key{}, fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case len(s) > MaxKeyBytes:
		return Key{}, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrInvalidKey, len(s), MaxKeyBytes)
	case !utf8.ValidString(s):
		return Key{}, fmt.Errorf("%w: it is not valid UTF-8", ErrInvalidKey)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return Key{}, fmt.Errorf("%w: it contains the control character %U", ErrInvalidKey, r)
		}
	}
	return Key{name: s}, nil
}

// String returns the key as it was parsed.
func (k Key) String() string { return k.name }

// MarshalText is how a key stands in logs and in JSON.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.name), nil }

// CutPrefix returns the key without prefix, and whether it has that and more. The
// prefix must be valid UTF-8.
func (k Key) CutPrefix(prefix string) (Key, bool) {
	rest, ok := strings.CutPrefix(k.name, prefix)
	return Key{rest}, ok && rest != ""
}

// Turn returns the name under which instances take turns to load k. No key that
// was parsed has it.
func (k Key) Turn() Key { return Key{name: "\x1fturn\x1f" + k.name} }

// In returns the name of k in a layer that several caches share, each by a name without
// control characters. No key that was parsed has it.
func (k Key) In(cache string) Key { return Key{name: cache + "\x1f" + k.name} }

// FeedKey returns the name under which instances elect the one that follows the changes
// of a route's source. No key that was parsed has it.
func FeedKey(route string) Key { return Key{name: "\x1ffeed\x1f" + route} }

// Prefixed returns the key with prefix in front. The error wraps ErrInvalidKey when that
// is too long.
func (k Key) Prefixed(prefix string) (Key, error) { return ParseKey(prefix + k.name) }

// Clone returns the key with bytes of its own. A key that was parsed shares those
// of the text that it was cut from, such as a request line: clone it where it is
// kept for longer than that.
func (k Key) Clone() Key { return Key{strings.Clone(k.name)} }
