package httpapi

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/docs"
)

// assets holds the pages, and the files of other projects that "make assets" has
// fetched.
//
//go:embed assets
var assets embed.FS

// icon is that of each page: three layers.
const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cg fill='%2312a383'%3E" +
	"%3Cpath d='M8 1l7 3.5L8 8 1 4.5z'/%3E%3Cpath d='M1 8l2-1 5 2.5L13 7l2 1-7 3.5z' opacity='.75'/%3E%3Cpath d='M1 11.5l2-1L8 13l5-2.5 2 1L8 15z' opacity='.5'/%3E%3C/g%3E%3C/svg%3E"

// page is a page that people look at in a browser.
type page struct {
	path     string   // "/docs"
	template string   // its file among the assets
	vendored []string // files of other projects that it loads
	styles   string   // more sources of styles than this service
	more     string   // further directives of its policy
}

func (a *API) routePages() {
	a.routeDocs()
	a.page(page{
		path: "/redoc", template: "redoc.html", vendored: []string{"redoc.standalone.js"},
		styles: "'unsafe-inline'", // style elements, which it writes as it goes
		more:   "; font-src data:",
	})
	a.get("/openapi.json", openAPI)
}

func openAPI(c *gin.Context) {
	c.Data(http.StatusOK, "application/json; charset=utf-8", []byte(docs.SwaggerInfo.ReadDoc()))
}

// page serves a page, with and without a slash at the end, and the files that it
// loads. Its links are relative, so that it works behind a path prefix.
func (a *API) page(p page) {
	for _, name := range p.vendored {
		if v := a.vendored[name]; v.embedded {
			a.file(p.path+"/"+name, v.path(), v.etag())
		}
	}
	a.get(p.path, a.html(p, ""))
	a.get(p.path+"/", a.html(p, "../"))
}

// html answers with a page from which root leads to the root of the service.
func (a *API) html(p page, root string) gin.HandlerFunc {
	functions := template.FuncMap{
		"load": func(name string) loaded { return a.load(p, root, name) },
		"icon": func() template.URL { return icon },
	}
	t := template.Must(template.New(p.template).Funcs(functions).ParseFS(assets, "assets/"+p.template))
	var body bytes.Buffer
	if err := t.Execute(&body, struct{ Root string }{root}); err != nil {
		panic(err) // the template is embedded, and a test executes it
	}
	policy := a.policy(p)
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["Content-Security-Policy"] = []string{policy}
		h["Referrer-Policy"] = []string{"no-referrer"}
		revalidated(h)
		c.Data(http.StatusOK, "text/html; charset=utf-8", body.Bytes())
	}
}

// loaded is a file of another project as a page refers to it.
type loaded struct {
	URL       string
	Integrity string
	Remote    bool // it comes from the CDN
}

func (a *API) load(p page, root, name string) loaded {
	v := a.vendored[name]
	if v.embedded {
		return loaded{root + p.path[1:] + "/" + name, v.integrity(), false}
	}
	return loaded{v.remote, v.integrity(), true}
}

// policy lets a page load what it needs: from this service, and the very files of
// the CDN that are not embedded.
func (a *API) policy(p page) string {
	scripts, styles := "'self'", strings.TrimSpace("'self' "+p.styles)
	for _, name := range p.vendored {
		switch v := a.vendored[name]; {
		case v.embedded:
		case path.Ext(name) == ".css":
			styles += " " + v.remote
		default:
			scripts += " " + v.remote
		}
	}
	return "default-src 'none'; script-src " + scripts + "; style-src " + styles +
		"; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'" + p.more
}

// file serves an embedded file, which browsers revalidate: the page of a new
// version needs the files of that version.
func (a *API) file(route, name, etag string) {
	a.get(route, func(c *gin.Context) {
		f, err := assets.Open(name)
		if err != nil {
			problem(c, problemInternal)
			return
		}
		defer func() { _ = f.Close() }()
		h := c.Writer.Header()
		h["Content-Type"] = []string{mediaTypes(path.Ext(name))}
		revalidated(h)
		h["Etag"] = []string{etag}
		http.ServeContent(c.Writer, c.Request, name, time.Time{}, f.(io.ReadSeeker))
	})
}

// mediaTypes does not depend on what the machine's own list says.
func mediaTypes(extension string) string {
	if extension == ".css" {
		return "text/css; charset=utf-8"
	}
	return "text/javascript; charset=utf-8"
}

// asset returns an embedded file, which the compiler saw to be there.
func asset(name string) string {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return string(b)
}
