package sqlsource

import (
	"errors"
	"regexp"
	"strings"
)

// query is SQL around the one place where the keys stand.
type query struct {
	before, after string
	list          bool // :keys, not :key
}

var (
	errNoPlaceholder = errors.New("sqlsource: Query must contain :key or :keys")
	errTwoOfThem     = errors.New("sqlsource: Query must contain :key or :keys once, not several times")
	errUnterminated  = errors.New("sqlsource: Query has a quotation or comment without an end")
)

// syntax is how a database quotes, where it differs.
type syntax struct {
	backslashes bool // escape in '…' and "…", as in MySQL
	backticks   bool // quote names, as in MySQL and SQLite
	brackets    bool // quote names, as in SQLite
	dollars     bool // $tag$…$tag$ are literals, as in PostgreSQL; so are E'…' with backslashes
	hashes      bool // begin comments, as in MySQL
	nested      bool // comments may be, as in PostgreSQL
	qQuotes     bool // q'[…]' are literals, as in Oracle
}

// parseQuery finds the placeholder outside of literals, quoted names and comments.
// Its errors quote nothing.
func parseQuery(sql string, s syntax) (query, error) {
	var found query
	count := 0
	for i := 0; i < len(sql); {
		n := s.skip(sql[i:], i > 0 && isWord(sql[i-1]))
		switch {
		case n < 0:
			return query{}, errUnterminated
		case n > 0:
			i += n
			continue
		}
		if name := placeholderAt(sql, i); name != "" {
			count++
			found = query{before: sql[:i], after: sql[i+len(name):], list: name == listPlaceholder}
			i += len(name)
			continue
		}
		i++
	}
	switch count {
	case 0:
		return query{}, errNoPlaceholder
	case 1:
		return found, nil
	}
	return query{}, errTwoOfThem
}

const (
	onePlaceholder  = ":key"
	listPlaceholder = ":keys"
)

// placeholderAt returns the placeholder that begins at i, or "". A cast (::key), an
// assignment and a part of a longer name are none.
func placeholderAt(sql string, i int) string {
	if sql[i] != ':' || i > 0 && sql[i-1] == ':' {
		return ""
	}
	for _, name := range []string{listPlaceholder, onePlaceholder} {
		if rest, ok := strings.CutPrefix(sql[i:], name); ok && (rest == "" || !isWord(rest[0])) {
			return name
		}
	}
	return ""
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

var (
	inBefore  = regexp.MustCompile(`(?i)\bIN\s*\(\s*$`)
	anyBefore = regexp.MustCompile(`(?i)=\s*ANY\s*\(\s*$`)
)

// inList reports whether the keys stand in an IN list.
func (q query) inList() bool { return q.list && inBefore.MatchString(q.before) }

// withoutAny returns the query with IN (:keys) in place of = ANY(:keys), for
// databases without arrays.
func (q query) withoutAny() query {
	if q.list {
		q.before = anyBefore.ReplaceAllString(q.before, " IN (")
	}
	return q
}

// text returns the query for n keys, each of which is a parameter of its own.
func (q query) text(n int, placeholder func(i int) string) string {
	var out strings.Builder
	out.WriteString(q.before)
	for i := range n {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(placeholder(i + 1))
	}
	out.WriteString(q.after)
	return out.String()
}
