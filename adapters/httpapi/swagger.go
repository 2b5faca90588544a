package httpapi

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path"
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
		Vendored: []string{"swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"},
		Styles:   "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='", // the style element in its logo
	}
	within := gin.WrapH(p.At(inside("/docs")))
	fs.get("/docs", gin.WrapH(p.At(outside("/docs"))))
	fs.get("/docs/", within)
	files := ginswagger.WrapHandler(&webdav.Handler{FileSystem: swaggerFiles{a.vendored}, LockSystem: webdav.NewMemLS()},
		ginswagger.URL("openapi.json")) // from /docs/ too, see below
	fs.get("/docs/:file", func(c *gin.Context) {
		switch name := c.Param("file"); {
		case name == "index.html":
			within(c)
		case name == "openapi.json":
			openAPI(c)
		case name == "index.css", name == "swagger-initializer.js", a.vendored[name].Embedded && slices.Contains(p.Vendored, name):
			serveSwagger(c, files, name)
		default:
			problem(c, problemNoRoute)
		}
	})
}

// serveSwagger has gin-swagger answer. It takes GET alone, and learns its prefix from
// the first request that it sees, query included.
func serveSwagger(c *gin.Context, files gin.HandlerFunc, name string) {
	revalidated(c.Writer.Header())
	asked := c.Request
	defer func() { c.Request = asked }()
	r := *asked // a copy: by the method of the request itself net/http leaves out the body of HEAD
	r.Method, r.RequestURI = http.MethodGet, "/docs/"+name
	c.Request = &r
	files(c)
}

// swaggerFiles are the files of Swagger UI as WebDAV has files, which gin-swagger
// asks for. They are read and never written.
type swaggerFiles struct{ vendored map[string]assets.Vendored }

// OpenFile opens an embedded file.
func (s swaggerFiles) OpenFile(_ context.Context, name string, _ int, _ os.FileMode) (webdav.File, error) {
	v := s.vendored[path.Base(name)]
	f, err := http.FS(assets.Files).Open(v.Path())
	if err != nil {
		return nil, err
	}
	return swaggerFile{f, v.ETag()}, nil
}

// Stat describes an embedded file.
func (s swaggerFiles) Stat(_ context.Context, name string) (os.FileInfo, error) {
	return fs.Stat(assets.Files, s.vendored[path.Base(name)].Path())
}

// Mkdir is refused.
func (swaggerFiles) Mkdir(context.Context, string, os.FileMode) error { return fs.ErrPermission }

// RemoveAll is refused.
func (swaggerFiles) RemoveAll(context.Context, string) error { return fs.ErrPermission }

// Rename is refused.
func (swaggerFiles) Rename(context.Context, string, string) error { return fs.ErrPermission }

// swaggerFile has an entity tag of its own: embedded files have no time of change.
type swaggerFile struct {
	http.File
	etag string
}

func (swaggerFile) Write([]byte) (int, error) { return 0, fs.ErrPermission }

func (f swaggerFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return tagged{info, f.etag}, err
}

type tagged struct {
	fs.FileInfo
	etag string
}

func (t tagged) ETag(context.Context) (string, error) { return t.etag, nil }
