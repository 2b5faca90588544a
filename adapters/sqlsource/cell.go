package sqlsource

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// cell is what one column has in one row. Its data may be that of the driver: it
// is not used after the next row was read.
type cell struct {
	kind kind
	data []byte
}

type kind uint8

const (
	null       kind = iota
	text            // UTF-8
	blob            // any bytes
	literal         // JSON that was made here
	document        // JSON of the database
	unreadable      // not what its type says
)

var (
	errNotText = errors.New("a column has text that is not UTF-8")
	errNotJSON = errors.New("a column has JSON that is not valid")
	errCell    = errors.New("a column has a value that cannot be read")
)

// compact returns c such that it can be written: documents are checked and have no
// white space.
func (c cell) compact() (cell, error) {
	switch c.kind {
	case text:
		if !utf8.Valid(c.data) {
			return c, errNotText
		}
	case document:
		var out bytes.Buffer
		if !utf8.Valid(c.data) || json.Compact(&out, c.data) != nil {
			return c, errNotJSON
		}
		return cell{literal, out.Bytes()}, nil
	case unreadable:
		return c, errCell
	}
	return c, nil
}

// jsonLen returns how many bytes appendJSON appends.
func (c cell) jsonLen() int {
	switch c.kind {
	case null:
		return len("null")
	case blob:
		return base64.StdEncoding.EncodedLen(len(c.data)) + 2
	case text:
		return len(c.data) + 2 + escapes(c.data)
	}
	return len(c.data)
}

// escapes returns how many bytes JSON needs beside the text itself.
func escapes(s []byte) (n int) {
	for _, b := range s {
		switch {
		case b == '"', b == '\\', b == '\b', b == '\f', b == '\n', b == '\r', b == '\t':
			n++
		case b < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}

// appendJSON appends a cell that compact returned.
func (c cell) appendJSON(dst []byte) []byte {
	switch c.kind {
	case null:
		return append(dst, "null"...)
	case blob:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), c.data)
		return append(dst, '"')
	case text:
		dst, _ = jsontext.AppendQuote(dst, c.data) // it is UTF-8
		return dst
	}
	return append(dst, c.data...)
}

// number returns a number that the database wrote, with all its digits. What JSON
// has no number for (NaN, Infinity) is text.
func number(s []byte) cell {
	if isNumber(s) {
		return cell{literal, s}
	}
	sign, digits := []byte(nil), s
	if len(s) > 0 && s[0] == '-' {
		sign, digits = s[:1], s[1:]
	}
	digits = bytes.TrimLeft(digits, "0")
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' {
		digits = append([]byte("0"), digits...)
	}
	digits = bytes.TrimSuffix(digits, []byte("."))
	if fixed := append(bytes.Clone(sign), digits...); bytes.ContainsAny(s, "0123456789") && isNumber(fixed) {
		return cell{literal, fixed}
	}
	return cell{text, s}
}

func isNumber(s []byte) bool {
	return len(s) > 0 && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && s[len(s)-1] > ' ' && json.Valid(s)
}

func float(f float64, bits int) cell {
	switch {
	case math.IsNaN(f):
		return cell{text, []byte("NaN")}
	case math.IsInf(f, 1):
		return cell{text, []byte("Infinity")}
	case math.IsInf(f, -1):
		return cell{text, []byte("-Infinity")}
	}
	format, size := byte('f'), math.Abs(f)
	if size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	s := strconv.AppendFloat(nil, f, format, -1, bits)
	return cell{literal, bytes.Replace(s, []byte("e-0"), []byte("e-"), 1)}
}

func boolean(b bool) cell { return cell{literal, strconv.AppendBool(nil, b)} }

// instant returns a time as RFC 3339 has it. A date is one without a time of day.
func instant(t time.Time, date bool) cell {
	layout := time.RFC3339Nano
	if date {
		layout = time.DateOnly
	}
	return cell{text, t.AppendFormat(nil, layout)}
}

// plain returns a value of which the driver says by its Go type what it is.
func plain(v any) cell {
	switch v := v.(type) {
	case nil:
		return cell{}
	case int64:
		return cell{literal, strconv.AppendInt(nil, v, 10)}
	case uint64:
		return cell{literal, strconv.AppendUint(nil, v, 10)}
	case float32:
		return float(float64(v), 32)
	case float64:
		return float(v, 64)
	case bool:
		return boolean(v)
	case time.Time:
		return instant(v, false)
	case string:
		return cell{text, []byte(v)}
	case []byte:
		return cell{blob, v}
	}
	return cell{kind: unreadable}
}

// dateOnly returns c, made of v, without a time of day when it has none.
func dateOnly(c cell, v any) cell {
	if t, ok := v.(time.Time); ok && t.Equal(t.Truncate(24*time.Hour)) {
		return instant(t, true)
	}
	return c
}
