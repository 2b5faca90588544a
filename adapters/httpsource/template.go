package httpsource

import (
	"errors"
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
	path  string // from the scheme up to the query
	query string // with its question mark, or empty
	user  *url.Userinfo
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
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return template{}, errors.New("httpsource: URL must begin with http:// or https:// and a host")
	case u.Fragment != "":
		return template{}, errors.New("httpsource: URL must not have a fragment (#…), it would not be sent")
	case !strings.Contains(u.EscapedPath(), hole) && !strings.Contains(u.RawQuery, hole):
		return template{}, errors.New("httpsource: URL must contain " + placeholder + " in its path or query")
	}
	t := template{user: u.User}
	u.User = nil
	t.path = u.String()
	if i := strings.IndexByte(t.path, '?'); i >= 0 {
		t.path, t.query = t.path[:i], t.path[i:]
	}
	return t, nil
}

// fill returns the URL of a key.
func (t template) fill(key domain.Key) string {
	return strings.ReplaceAll(t.path, hole, escapePath(key.String())) +
		strings.ReplaceAll(t.query, hole, url.QueryEscape(key.String()))
}

// escapePath makes one path segment of any key. Those that would name a
// directory have their dots escaped, which url.PathEscape does not do.
func escapePath(key string) string {
	if key == "." || key == ".." {
		return strings.ReplaceAll(key, ".", "%2E")
	}
	return url.PathEscape(key)
}
