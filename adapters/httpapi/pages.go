package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/assets"
)

func (a *API) routePages(fs faces) {
	a.routeDocs(fs)
	a.page(fs, "/redoc", assets.Page{
		Template: "redoc.html", Vendored: []string{"redoc.standalone.js"}, Own: []string{"redoc.css", "redoc.js"},
		Styles: "'unsafe-inline'", // style elements, which it writes as it goes
		More:   "; font-src data:",
	})
	fs.get("/openapi.json", openAPI)
}

func openAPI(c *gin.Context) {
	c.Data(http.StatusOK, "application/json; charset=utf-8", assets.OpenAPI())
}

// page serves a page, with and without a slash at the end, and the files that it loads.
func (a *API) page(fs faces, path string, p assets.Page) {
	for _, name := range p.Vendored {
		if v := a.vendored[name]; v.Embedded {
			fs.get(path+"/"+name, gin.WrapH(v.Handler()))
		}
	}
	for _, name := range p.Own {
		fs.get(path+"/"+name, gin.WrapH(assets.Own(name)))
	}
	fs.get(path, gin.WrapH(p.At(outside(path))))
	fs.get(path+"/", gin.WrapH(p.At(inside(path))))
}

// outside is where the page at path is, and inside where it is at path and a slash.
func outside(path string) assets.Where { return assets.Where{Here: path[1:] + "/"} }
func inside(path string) assets.Where  { return assets.Where{Here: ".." + path + "/", Root: "../"} }
