package sqlsource

import "strings"

// skip returns the length of the literal, quoted name or comment at the beginning
// of sql: 0 if there is none, and below 0 if it does not end. inWord says that a name
// or number goes on here.
func (s syntax) skip(sql string, inWord bool) int {
	switch c := sql[0]; {
	case c == '\'' || c == '"':
		return quoted(sql, 1, c, s.backslashes)
	case c == '`' && s.backticks:
		return quoted(sql, 1, c, false)
	case c == '[' && s.brackets:
		return through(sql, 1, "]")
	case c == '#' && s.hashes, strings.HasPrefix(sql, "--") && (!s.hashes || len(sql) == 2 || sql[2] <= ' '):
		return line(sql)
	case strings.HasPrefix(sql, "/*"):
		return s.comment(sql)
	case inWord:
		return 0
	case s.dollars && c == '$':
		return dollarQuoted(sql)
	case s.dollars && (c == 'e' || c == 'E') && strings.HasPrefix(sql[1:], "'"):
		return quoted(sql, 2, '\'', true)
	case s.qQuotes:
		return qQuoted(sql)
	}
	return 0
}

// quoted returns where the quotation that begins before from ends. The quote is
// doubled inside it.
func quoted(sql string, from int, quote byte, backslashes bool) int {
	for i := from; i < len(sql); i++ {
		switch {
		case backslashes && sql[i] == '\\':
			i++
		case sql[i] == quote && i+1 < len(sql) && sql[i+1] == quote:
			i++
		case sql[i] == quote:
			return i + 1
		}
	}
	return -1
}

func through(sql string, from int, end string) int {
	if i := strings.Index(sql[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return -1
}

func line(sql string) int {
	if i := strings.IndexByte(sql, '\n'); i >= 0 {
		return i + 1
	}
	return len(sql)
}

func (s syntax) comment(sql string) int {
	if !s.nested {
		return through(sql, 2, "*/")
	}
	for i, depth := 2, 1; i+1 < len(sql); i++ {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return -1
}

// dollarQuoted reads $$…$$ and $tag$…$tag$. $1 is none of them.
func dollarQuoted(sql string) int {
	end := 1
	for end < len(sql) && isWord(sql[end]) && sql[end] != '$' {
		end++
	}
	if end == len(sql) || sql[end] != '$' || sql[1] >= '0' && sql[1] <= '9' {
		return 0
	}
	tag := sql[:end+1]
	return through(sql, len(tag), tag)
}

// qQuoted reads q'[…]', q'{…}', q'!…!' and so on.
func qQuoted(sql string) int {
	rest := strings.TrimLeft(sql, "nN")
	if len(sql)-len(rest) > 1 || len(rest) < 3 || rest[0] != 'q' && rest[0] != 'Q' || rest[1] != '\'' {
		return 0
	}
	closing := rest[2:3]
	if i := strings.Index("[{(<", closing); i >= 0 {
		closing = "]})>"[i : i+1]
	}
	return through(sql, len(sql)-len(rest)+3, closing+"'")
}
