package httpapi

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// inert are headers of every answer. They keep a browser from running it, framing
// it, or showing it to pages of other sites. Handlers of pages replace the policy.
type inert struct{ policy, nosniff, resource []string }

func newInert() inert {
	return inert{
		policy:   []string{"sandbox; default-src 'none'; frame-ancestors 'none'"},
		nosniff:  []string{"nosniff"},
		resource: []string{"same-site"},
	}
}

func (i inert) set(h http.Header) {
	h["Content-Security-Policy"] = i.policy
	h["X-Content-Type-Options"] = i.nosniff
	h["Cross-Origin-Resource-Policy"] = i.resource
}

// refused answers requests that nothing here may serve, and reports whether it did.
func (a *API) refused(c *gin.Context) bool {
	switch {
	case tooLarge(c.Request):
		problem(c, problemHeader)
	case c.Request.Header["Service-Worker"] != nil:
		// A value that becomes a service worker would outlive its key.
		problem(c, problemWorker)
	case !a.access.allows(c.Request.Host) && !probe(c.FullPath()):
		problem(c, problemHost)
	default:
		return false
	}
	return true
}

// probe reports whether balancers and containers ask for the route by whatever
// address they know.
func probe(route string) bool { return route == "/health" || route == "/ready" }

// allows reports whether the Host header is one of those allowed. A name without
// a port is allowed on every port.
func (a Access) allows(host string) bool {
	if len(a.Hosts) == 0 {
		return true
	}
	host = strings.ToLower(host)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return slices.ContainsFunc(a.Hosts, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		return allowed == host || strings.Trim(allowed, "[]") == strings.TrimSuffix(name, ".")
	})
}
