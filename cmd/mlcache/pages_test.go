package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePagesShowTheDescriptionInARealBrowser(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, nil)[0]
	if in.mustGet("/docs/swagger-ui-bundle.js").status != 200 {
		skip(t, "embedded Swagger UI and ReDoc (make assets)")
	}
	docs := open(t, in.base+"/docs", 1280, 900, "light")
	docs.untilShown(`id="operations-data-get_data__key_"`)
	docs.untilShown("Tell what was counted")

	redoc := open(t, in.base+"/redoc", 1280, 900, "light")
	redoc.untilShown("Where an answer came from stands in its")
}

// untilShown waits until the page, once its scripts have run, contains the text.
func (p *page) untilShown(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.documentElement.outerHTML.includes(%q)", text))
}

// skip skips a test for want of something, in the words that make test counts, and
// fails it under CI.
func skip(t *testing.T, want string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		require.FailNow(t, "NOT TESTED: no "+want)
	}
	t.Skip("NOT TESTED: no " + want)
}
