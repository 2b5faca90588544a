package httpsource

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxRedirects   = 3
	maxHeaderBytes = 64 << 10

	https = "https"
)

// checkRedirect keeps a load, and the credentials that go with it, in the place
// that was configured: on the host, in the folder of the key.
func (s *Source) checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[0].URL, req.URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case !strings.EqualFold(to.Hostname(), from.Hostname()) || !samePort(from, to):
		return errors.New("redirect to another host")
	case to.Scheme != from.Scheme && to.Scheme != https:
		return errors.New("redirect away from https")
	case !strings.HasPrefix(to.Path, s.target.folder) || dotted(to.Path):
		return errors.New("redirect out of the path of the source")
	}
	unconditional(req.Header) // the validator is not one of that URL
	if s.opts.Redirected != nil {
		s.opts.Redirected()
	}
	return nil
}

// samePort takes the usual ports of http and https for the same.
func samePort(a, b *url.URL) bool {
	usual := func(u *url.URL) bool { return portOf(u) == usualPorts(u.Scheme) }
	return usual(a) && usual(b) || portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return usualPorts(u.Scheme)
}

func usualPorts(scheme string) string {
	if scheme == https {
		return "443"
	}
	return "80"
}

// withoutURL takes off the URL that net/http puts before its errors: a query
// may hold a secret too.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
