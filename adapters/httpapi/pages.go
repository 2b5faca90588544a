package httpapi

import (
	"embed"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	swaggerfiles "github.com/swaggo/files"
	ginswagger "github.com/swaggo/gin-swagger"

	"github.com/multi-layer-cache/multi-layer-cache/docs"
)

// assets holds the pages, and other people's scripts when "make assets" has
// fetched them.
//
//go:embed assets
var assets embed.FS

const (
	redocScript = "redoc.standalone.js"
	// These serve what is not embedded. The versions are those that "make assets"
	// fetches.
	redocCDN = "https://cdn.jsdelivr.net/npm/redoc@3.0.1/bundles/" + redocScript
	uplotCDN = "https://cdn.jsdelivr.net/npm/uplot@1.6.32/dist/"
)

// swaggerFiles is what the page loads from gin-swagger.
var swaggerFiles = []string{
	"swagger-ui.css", "index.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js",
	"swagger-initializer.js", "favicon-32x32.png",
}

func (a *API) routePages() {
	page := html(asset("docs.html"))
	a.get("/docs", page)
	a.get("/docs/:file", swaggerFile(page))
	a.get("/openapi.json", func(c *gin.Context) {
		c.Data(http.StatusOK, "application/json; charset=utf-8", []byte(docs.SwaggerInfo.ReadDoc()))
	})

	src := a.vendored("/redoc/"+redocScript, redocCDN, "text/javascript; charset=utf-8")
	redoc := html(strings.Replace(asset("redoc.html"), "REDOC_SCRIPT", src, 1))
	a.get("/redoc", func(c *gin.Context) {
		// ReDoc would fetch its maker's logo and, unless told not to, send statistics.
		c.Header("Content-Security-Policy", "img-src 'self' data: blob:; connect-src 'self'")
		redoc(c)
	})
}

// vendored serves a file that "make assets" fetches and returns its path, or, when
// it has not been fetched, the place on the Internet where it is.
func (a *API) vendored(path, cdn, mediaType string) string {
	body, err := assets.ReadFile("assets/" + path[strings.LastIndex(path, "/")+1:])
	if err != nil {
		return cdn
	}
	a.get(path, func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=86400")
		c.Data(http.StatusOK, mediaType, body)
	})
	return path
}

// swaggerFile serves Swagger UI's own files, and page for its index.
func swaggerFile(page gin.HandlerFunc) gin.HandlerFunc {
	files := ginswagger.WrapHandler(swaggerfiles.Handler, ginswagger.URL("/openapi.json"))
	return func(c *gin.Context) {
		switch name := c.Param("file"); {
		case name == "index.html":
			page(c)
		case !slices.Contains(swaggerFiles, name):
			problem(c, problemNoRoute)
		default:
			// gin-swagger learns its prefix from the first request it sees, query
			// included; and it takes GET alone.
			c.Request.RequestURI = "/docs/" + name
			c.Request.Method = http.MethodGet
			files(c)
		}
	}
}

// asset returns an embedded file, which the compiler saw to be there.
func asset(name string) string {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func html(page string) gin.HandlerFunc {
	return func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(page)) }
}
