package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// openPage opens a page of a service, and returns that, too.
func openPage(t *testing.T, path string, flags ...string) (*page, *process) {
	t.Helper()
	needBrowser(t)
	in := launch(t, 1, flags)[0]
	if in.mustGet("/docs/swagger-ui-bundle.js").status != 200 {
		skip(t, "embedded Swagger UI and ReDoc (make assets)")
	}
	return open(t, in.base+path, 1280, 900, "light", exceptions, refusals), in
}

// refusals collects what the policy of a page has kept it from.
const refusals = `window.refused = []; addEventListener("securitypolicyviolation", (e) => refused.push(e.blockedURI))`

// asksNobodyElse requires that no request has left for another origin.
func (p *page) asksNobodyElse() {
	p.t.Helper()
	p.check(`performance.getEntriesByType("resource").every((r) => new URL(r.name).origin === location.origin || refused.includes(r.name) && r.transferSize === 0 && r.responseStatus === 0)`)
}

func TestSwaggerUIShowsDataFirstWithoutATopBarAndWithModelsFolded(t *testing.T) {
	p, in := openPage(t, "/docs", "--token=the-token-that-writes", "--oracle-delay=0")
	p.untilShown(`id="operations-data-get_data__key_"`)
	p.untilShown("Tell what was counted")
	p.check(`!document.querySelector(".topbar") && !document.querySelector(".model-container") && !!document.querySelector(".models")`)
	p.check(`document.querySelector(".version-stamp").textContent.includes("OAS 3.0")`)
	p.check(`[...document.querySelectorAll(".opblock-tag")].map((h) => h.dataset.tag).join() === "data,service"`)
	p.check(`[...document.querySelectorAll(".opblock-summary")].slice(0, 4).map((s) => s.innerText.replace(/\s+/g, " ").trim().replace(/\u200b/g, "")).join() === "GET /data/{key} Read a key,PUT /data/{key} Write a key,DELETE /data/{key} Delete a key,HEAD /data/{key} Read a key, header only"`)
	p.check(`document.querySelector("header a").href === location.origin + "/"`)
	p.accessible("docs")

	p.do(chromedp.Click(chromedp.CSS(".btn.authorize")))
	p.until(`!!document.querySelector("#auth-bearer-value")`) // where the bare token is typed
	p.accessible("docs-authorize")
	p.do(chromedp.SendKeys(chromedp.CSS("#auth-bearer-value"), "the-token-that-writes"), chromedp.Click(chromedp.CSS(".auth-btn-wrapper .authorize")))
	p.until(`!!document.querySelector(".auth-btn-wrapper .btn-done")`)
	p.do(chromedp.Click(chromedp.CSS(".btn-done")), chromedp.Click(chromedp.CSS("#operations-data-delete_data__key_ .opblock-summary-control")))
	p.until(`document.querySelectorAll("#operations-data-delete_data__key_ .microlight").length >= 5`)
	p.check(`[...document.querySelectorAll("#operations-data-delete_data__key_ .microlight")].every((e) => e.textContent.includes("urn:mlcache:"))`) // each status has a real example
	p.accessible("docs-operation")
	p.do(chromedp.Click(chromedp.CSS(".try-out__btn")))
	p.until(`!!document.querySelector("#operations-data-delete_data__key_ .execute")`)
	p.do(chromedp.Click(chromedp.CSS("#operations-data-delete_data__key_ .execute")))
	p.until(`document.querySelector("#operations-data-delete_data__key_ .live-responses-table .response .response-col_status")?.textContent.startsWith("204")`)
	p.asksNobodyElse()
	require.Empty(t, get[[]string](p, "exceptions"))

	p.do(chromedp.Navigate(in.base + "/docs/"))
	p.untilShown(`id="operations-data-get_data__key_"`)
	p.check(`document.querySelector("header a").href === location.origin + "/"`)
}

func TestReDocAsksNobodyElse(t *testing.T) {
	p, _ := openPage(t, "/redoc")
	p.untilShown("Where an answer came from stands in its")
	p.until(`document.querySelectorAll("redoc a[href*='data/paths']").length > 0`)
	p.check(`document.querySelector("header a").href === location.origin + "/"`)
	p.accessible("redoc")
	p.asksNobodyElse()
}

func TestTheRootShowsABrowserWhereToGo(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, nil)[0]
	p := open(t, in.base+"/", 1280, 900, "light", exceptions)
	p.check(`document.querySelector("table").innerText.includes("embedded") && document.querySelector("table").innerText.includes("ready")`)
	links := get[[]string](p, `[...document.querySelectorAll("a")].map((a) => a.href)`)
	require.Greater(t, len(links), 5)
	for _, link := range links {
		require.Equal(t, 200, in.mustGet(strings.TrimPrefix(link, in.base)).status, link)
	}
	p.accessible("root")
	p.fitsAPhone("root")
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
