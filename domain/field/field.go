// Package field reads the syntax that HTTP header fields share: lists of members,
// parameters, tokens and quoted strings (RFC 9110, section 5.6). What a member means is
// for its callers: clients and sources say different things in the same form.
//
// A member that cannot be read is skipped; it takes nothing with it. The libraries at
// hand refuse a whole field for one bad member (cachecontrol) or compare with case
// (goautoneg).
package field

import (
	"iter"
	"strconv"
	"strings"
	"time"
)

// Members yields the members of a list that may take several lines.
func Members(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for member := range Split(line, ',') {
				if member != "" && !yield(member) {
					return
				}
			}
		}
	}
}

// Split yields what is between the separators that are in no quoted string. A quote
// that never ends begins no string, and neither does any after it: so the time that
// this takes does not grow faster than s.
func Split(s string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, strict := 0, true
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == sep:
				if !yield(trim(s[start:i])) {
					return
				}
				start = i + 1
			case s[i] == '"' && strict:
				length := len(quoted(s[i:]))
				strict = length > 0
				i += max(0, length-1)
			}
		}
		yield(trim(s[start:]))
	}
}

// Value returns what comes before the parameters of a member.
func Value(member string) string {
	for piece := range Split(member, ';') {
		return piece
	}
	return ""
}

// quoted returns the quoted string that s begins with, or "".
func quoted(s string) string {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i+1]
		}
	}
	return ""
}

// Directive returns the name, in lower case, and the argument of a member of the form
// token [= token / quoted-string], with spaces around the sign or not. Without ok the
// argument cannot be read or, where there is no name, the member.
func Directive(member string) (name, argument string, given, ok bool) {
	name, argument, given = strings.Cut(member, "=")
	name, argument = strings.ToLower(trim(name)), trim(argument)
	if !IsToken(name) {
		return "", "", false, false
	}
	if given {
		if argument, ok = word(argument); !ok {
			return name, "", true, false
		}
	}
	return name, argument, given, true
}

// word returns what a token or a quoted string says.
func word(s string) (string, bool) {
	if s == "" || s[0] != '"' {
		return s, IsToken(s)
	}
	if quoted(s) != s {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), true
}

// IsToken reports whether s is a token.
func IsToken(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

func trim(s string) string { return strings.Trim(s, " \t") }

// maxSeconds is what larger numbers of seconds count as (RFC 9111, section 1.2.2).
const maxSeconds = 1 << 31

// Words returns what spaces separate in a field that may take several lines.
func Words(lines []string) (words []string) {
	for _, line := range lines {
		words = append(words, strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })...)
	}
	return words
}

// DeltaSeconds reads a number of seconds.
func DeltaSeconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > maxSeconds {
		n = maxSeconds
	}
	return time.Duration(n) * time.Second, true
}
