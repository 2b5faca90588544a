package httpapi

import (
	"net/http"
	"net/http/pprof"

	"github.com/gin-gonic/gin"
)

// routeProfiles serves what go tool pprof reads. The command line is left out, since it
// may have secrets in it. These routes are for developers and not described.
func (fs faces) routeProfiles() {
	fs.get("/debug/pprof", func(c *gin.Context) { // http.Redirect would lead out of a path prefix
		c.Header("Location", "pprof/")
		c.Status(http.StatusTemporaryRedirect)
	})
	fs.get("/debug/pprof/", gin.WrapF(pprof.Index))
	fs.get("/debug/pprof/:name", profile)
	fs.on(http.MethodPost, "/debug/pprof/symbol", gin.WrapF(pprof.Symbol))
}

func profile(c *gin.Context) {
	serve := map[string]http.HandlerFunc{"profile": pprof.Profile, "trace": pprof.Trace, "symbol": pprof.Symbol}[c.Param("name")]
	switch {
	case c.Param("name") == "cmdline":
		problem(c, problemNoRoute)
		return
	case serve == nil:
		serve = pprof.Index
	}
	serve(c.Writer, c.Request)
}
