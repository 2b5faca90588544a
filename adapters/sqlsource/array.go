package sqlsource

import (
	"bytes"
	"strings"
)

// maxDimensions is PostgreSQL's own bound (MAXDIM).
const maxDimensions = 6

// array makes PostgreSQL's text of an array (section 8.15.6 of its manual) into JSON.
// element says what one element is.
func array(s []byte, delimiter byte, element func(s []byte) cell) cell {
	if bytes.HasPrefix(s, []byte("[")) { // bounds: [0:1]={…}
		_, after, ok := bytes.Cut(s, []byte("="))
		if !ok {
			return cell{kind: unreadable}
		}
		s = after
	}
	r := arrayReader{in: s, delimiter: delimiter, element: element}
	if !r.list(maxDimensions) || len(r.in) > 0 {
		return cell{kind: unreadable}
	}
	return cell{literal, r.out}
}

type arrayReader struct {
	in, out   []byte
	delimiter byte
	element   func(s []byte) cell
}

// next reports whether c is next, and reads it.
func (r *arrayReader) next(c byte) bool {
	if len(r.in) == 0 || r.in[0] != c {
		return false
	}
	r.in = r.in[1:]
	return true
}

func (r *arrayReader) list(depth int) bool {
	if depth == 0 || !r.next('{') {
		return false
	}
	r.out = append(r.out, '[')
	for first := true; ; first = false {
		switch {
		case first && r.next('}'), !first && r.next('}'):
			r.out = append(r.out, ']')
			return true
		case !first && !r.next(r.delimiter):
			return false
		case !first:
			r.out = append(r.out, ',')
		}
		if !r.item(depth) {
			return false
		}
	}
}

func (r *arrayReader) item(depth int) bool {
	switch {
	case len(r.in) == 0:
		return false
	case r.in[0] == '{':
		return r.list(depth - 1)
	case r.in[0] == '"':
		s, ok := r.quoted()
		return ok && r.append(s)
	}
	end := bytes.IndexAny(r.in, "{}\""+string(rune(r.delimiter)))
	if end <= 0 {
		return false
	}
	s := r.in[:end]
	r.in = r.in[end:]
	if bytes.EqualFold(s, []byte("NULL")) {
		r.out = append(r.out, "null"...)
		return true
	}
	return r.append(s)
}

func (r *arrayReader) append(s []byte) bool {
	c, err := r.element(s).compact()
	if err != nil {
		return false
	}
	r.out = c.appendJSON(r.out)
	return true
}

func (r *arrayReader) quoted() ([]byte, bool) {
	var s []byte
	for i := 1; i < len(r.in); i++ {
		switch r.in[i] {
		case '"':
			r.in = r.in[i+1:]
			return s, true
		case '\\':
			i++
			if i == len(r.in) {
				return nil, false
			}
		}
		s = append(s, r.in[i])
	}
	return nil, false
}

// arrayOf returns the text of an array of texts.
func arrayOf(items []string) string {
	var out strings.Builder
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i, item := range items {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('"')
		_, _ = escaped.WriteString(&out, item)
		out.WriteByte('"')
	}
	return "{" + out.String() + "}"
}
