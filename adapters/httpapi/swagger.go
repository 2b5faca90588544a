package httpapi

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	ginswagger "github.com/swaggo/gin-swagger"
	"golang.org/x/net/webdav"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/assets"
)

// routeDocs serves Swagger UI by gin-swagger, which writes its style and its
// configuration; its files are those that "make assets" fetches.
func (a *API) routeDocs(fs faces) {
	p := assets.Page{
		Template: "docs.html",
		Vendored: []string{"swagger-ui-bundle.js", "swagger-ui.css"},
		Own:      []string{"docs.js", "docs.css", "base.css"},
	}
	within := gin.WrapH(p.At(inside("/docs")))
	fs.get("/docs", gin.WrapH(p.At(outside("/docs"))))
	fs.get("/docs/", within)
	// Of gin-swagger come the style and the configuration, which it keeps in no files.
	written := ginswagger.WrapHandler(&webdav.Handler{}, ginswagger.URL("openapi.json"), // from /docs/ too, see below
		ginswagger.DefaultModelsExpandDepth(0))
	fs.get("/docs/:file", func(c *gin.Context) {
		switch name := c.Param("file"); {
		case name == "index.html":
			within(c)
		case name == "openapi.json":
			openAPI(c)
		case name == "index.css", name == "swagger-initializer.js":
			serveSwagger(c, written, name)
		case slices.Contains(p.Own, name):
			assets.Own(name).ServeHTTP(c.Writer, c.Request)
		case a.vendored[name].Embedded && slices.Contains(p.Vendored, name):
			a.vendored[name].Handler().ServeHTTP(c.Writer, c.Request)
		default:
			problem(c, problemNoRoute)
		}
	})
}

// serveSwagger has gin-swagger answer. It takes GET alone, and learns its prefix from
// the first request that it sees, query included.
func serveSwagger(c *gin.Context, written gin.HandlerFunc, name string) {
	revalidated(c.Writer.Header())
	asked := c.Request
	defer func() { c.Request = asked }()
	r := *asked // a copy: by the method of the request itself net/http leaves out the body of HEAD
	r.Method, r.RequestURI = http.MethodGet, "/docs/"+name
	c.Request = &r
	written(c)
}
