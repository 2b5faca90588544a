package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

// The live page of a cache that is a package of another program, at a path of theirs.
func TestTheLivePageStandsAloneAtAnyPath(t *testing.T) {
	needBrowser(t)
	products := mlcache.Fake(t, func(context.Context, string) (string, error) { return "v", nil })
	for range 3 {
		_, err := products.Get(t.Context(), "7")
		require.NoError(t, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/their/path/", products.Dashboard())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := open(t, server.URL+"/their/path", 1200, 900, "light", exceptions)
	p.until(`document.querySelector("#tiles")?.textContent.includes("3 in all")`)
	p.until(`document.querySelector("#states")?.textContent.includes("Source (fake)")`)
	require.Zero(t, get[int](p, `document.querySelectorAll("nav, #try").length`), "there is no service beside it")
	require.Empty(t, get[[]string](p, "exceptions"))
}
