package httpsource

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxRedirects   = 3
	maxHeaderBytes = 64 << 10
	idleTimeout    = 90 * time.Second
	pingAfter      = 15 * time.Second
)

// newClient returns a client with connections of its own. Each phase may take
// as long as a whole load: what goes on in the background after a load was
// given up, such as dialling, is bounded by the same time.
func newClient(opts Options) *http.Client {
	dialer := &net.Dialer{Timeout: opts.Timeout}
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    opts.Timeout,
			ResponseHeaderTimeout:  opts.Timeout,
			IdleConnTimeout:        idleTimeout,
			MaxConnsPerHost:        opts.MaxConns,
			MaxIdleConnsPerHost:    opts.MaxConns,
			MaxResponseHeaderBytes: maxHeaderBytes,
			ForceAttemptHTTP2:      true,
			// A dead connection is found out by pings: over HTTP/2 a load that
			// times out does not end the connection that it used.
			HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: opts.Timeout},
		},
	}
}

// checkRedirect keeps a load, and the credentials that go with it, on the host
// that was configured.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case req.URL.Host != first.Host:
		return errors.New("redirect to another host")
	case req.URL.Scheme != first.Scheme && req.URL.Scheme != "https":
		return errors.New("redirect away from https")
	}
	return nil
}

// withoutURL takes off the URL that net/http puts before its errors: a query
// may hold a secret too.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
