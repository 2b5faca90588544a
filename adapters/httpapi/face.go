package httpapi

import (
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// face is the routes of one address.
type face struct {
	engine  *gin.Engine
	slashed map[string]bool // routes that end with a slash
}

func (a *API) newFace() *face {
	f := &face{engine: gin.New(), slashed: make(map[string]bool)}
	f.engine.HandleMethodNotAllowed = true
	// No redirects: a key is a name as it stands, other paths see ServeHTTP.
	f.engine.RedirectTrailingSlash = false
	if a.parts.Tracing != nil {
		f.engine.Use(gin.HandlerFunc(a.parts.Tracing))
	}
	f.engine.Use(a.around, gin.CustomRecoveryWithWriter(io.Discard, a.panicked))
	f.engine.NoRoute(func(c *gin.Context) { problem(c, problemNoRoute) })
	f.engine.NoMethod(func(c *gin.Context) { problem(c, problemNoMethod) })
	return f
}

// ServeHTTP answers one request. Paths mean the same with and without a slash at
// the end, but for keys, which may have some, and for pages, whose relative links
// differ.
func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := r.URL.Path; len(path) > 1 && path[len(path)-1] == '/' && !f.slashed[path] && !strings.HasPrefix(path, "/data/") && !strings.HasPrefix(path, "/explain/") {
		r.URL.Path = "/" + strings.Trim(path, "/")
	}
	f.engine.ServeHTTP(w, r)
}

// faces have routes in common.
type faces []*face

// get routes HEAD as well: net/http leaves the body out. A path with a slash at the
// end is a page of its own.
func (fs faces) get(path string, h ...gin.HandlerFunc) {
	for _, f := range fs {
		f.slashed[path] = path[len(path)-1] == '/'
		f.engine.Match([]string{http.MethodGet, http.MethodHead}, path, h...)
	}
}

func (fs faces) on(method, path string, h ...gin.HandlerFunc) {
	for _, f := range fs {
		f.engine.Handle(method, path, h...)
	}
}
