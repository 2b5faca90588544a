package httpsource

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// The place for the key, as it is written in Options.URL and in a template.
const (
	placeholder = "{key}"
	hole        = "%7Bkey%7D"
)

// template is a URL with a hole for the key. It is kept apart from its
// credentials, so that no error that names a URL can give them away.
type template struct {
	path   string // from the scheme up to the query
	query  string // with its question mark, or empty
	user   *url.Userinfo
	inPath bool   // whether the key stands in the path
	mixed  string // the decoded path, if the key is only a part of a segment there
	folder string // decoded, up to the segment with the key or else the last one
}

// parseTemplate checks a URL. Its errors quote nothing of it: in a URL that is
// wrong, the password may be anywhere.
func parseTemplate(raw string) (template, error) {
	// Braces are no legal part of a URL. Escaped, they let the rest keep the
	// escapes that it was written with.
	u, err := url.Parse(strings.ReplaceAll(raw, placeholder, hole))
	switch {
	case err != nil:
		return template{}, errors.New("httpsource: URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != https, u.Hostname() == "":
		return template{}, errors.New("httpsource: URL must begin with http:// or https:// and a host")
	case u.Fragment != "":
		return template{}, errors.New("httpsource: URL must not have a fragment (#…), it would not be sent")
	case dotted(u.Path):
		return template{}, errors.New("httpsource: URL must not have dot segments (/../)")
	case !strings.Contains(u.EscapedPath(), hole) && !strings.Contains(u.RawQuery, hole):
		return template{}, errors.New("httpsource: URL must contain " + placeholder + " in its path or query")
	}
	t := template{user: u.User}
	before, _, inPath := strings.Cut(u.Path, placeholder)
	t.folder = before[:strings.LastIndexByte(before, '/')+1]
	t.inPath = inPath
	for segment := range strings.SplitSeq(u.Path, "/") {
		if strings.Contains(segment, placeholder) && segment != placeholder {
			t.mixed = u.Path
		}
	}
	u.User = nil
	t.path = u.String()
	if i := strings.IndexByte(t.path, '?'); i >= 0 {
		t.path, t.query = t.path[:i], t.path[i:]
	}
	return t, nil
}

// check refuses keys with which the path has dot segments once it is decoded.
func (t template) check(key domain.Key) error {
	if t.inPath && (dotted(key.String()) || t.mixed != "" && dotted(strings.ReplaceAll(t.mixed, placeholder, key.String()))) {
		return fmt.Errorf("%w: it has a dot segment, which could lead out of the path of the source", domain.ErrInvalidKey)
	}
	return nil
}

// dotted reports whether a server may find . or .. among the segments of a path:
// some take \ for /, some cut off what follows a semicolon.
func dotted(path string) bool {
	if strings.IndexByte(path, '.') < 0 {
		return false // at the cost of nothing: this is on the path of each request
	}
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return true
		}
	}
	return false
}

// fill returns the URL of a key.
func (t template) fill(key domain.Key) string {
	return strings.ReplaceAll(t.path, hole, url.PathEscape(key.String())) +
		strings.ReplaceAll(t.query, hole, url.QueryEscape(key.String()))
}
