package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// hostile is a source whose values try to run: each calls the source by a key that
// says how it got there.
type hostile struct {
	mu    sync.Mutex
	asked []string
}

const call = `var x = new XMLHttpRequest(); x.open("GET", "/data/ran", false); x.send(); fetch("/data/ran"); localStorage.ran = document.cookie = "ran=1";`

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	h.mu.Lock()
	h.asked = append(h.asked, key)
	h.mu.Unlock()
	mediaType, body := "application/json", `{"shown":"as it is"}`
	switch key {
	case "page.html":
		mediaType, body = "text/html", `<!DOCTYPE html><title>value</title><p>shown</p><script>`+call+`</script>
			<img src="/data/ran" onerror="`+strings.ReplaceAll(call, `"`, `'`)+`"><iframe src="/data/ran"></iframe><meta http-equiv="refresh" content="0; url=/data/ran">
			<script src="/data/ran"></script><form action="/data/ran"><button autofocus onfocus="form.submit()">go</button></form>`
	case "picture.svg":
		mediaType, body = "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload='`+call+`'><text y="20">shown</text><script>`+call+`</script></svg>`
	case "sw.js":
		mediaType, body = "text/javascript", `self.onfetch = (e) => e.respondWith(new Response("taken over"))`
	}
	w.Header().Set("Content-Type", mediaType)
	io.WriteString(w, body)
}

func (h *hostile) ran() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(strings.Join(h.asked, " "), "ran")
}

// source returns the document as the browser holds it, also one without scripts.
func (p *page) source() string {
	p.t.Helper()
	root, err := chromedp.Call(p.ctx, dom.GetDocument, dom.GetDocumentParams{})
	require.NoError(p.t, err)
	got, err := chromedp.Call(p.ctx, dom.GetOuterHTML, dom.GetOuterHTMLParams{BackendNodeID: root.Root.BackendNodeID})
	require.NoError(p.t, err)
	return got.OuterHTML
}

func TestNothingOfAValueRunsInTheOriginOfThePages(t *testing.T) {
	needBrowser(t)
	source := &hostile{}
	origin := httptest.NewServer(source)
	defer origin.Close()
	in := launch(t, 1, []string{"--source=http", "--source-url=" + origin.URL + "/{key}"})[0]

	p := open(t, in.base+"/data/value.json", 800, 600, "light")
	require.Contains(t, p.source(), `{"shown":"as it is"}`)
	p.do(chromedp.Navigate(in.base + "/data/page.html"))
	require.Contains(t, p.source(), "shown")
	p.do(chromedp.Navigate(in.base + "/data/picture.svg"))
	require.Contains(t, p.source(), "shown")

	p.do(chromedp.Navigate(in.base + "/docs"))
	require.Equal(t, "refused", get[string](p, `navigator.serviceWorker.register("/data/sw.js").then(() => "registered", () => "refused")`))
	require.Empty(t, get[string](p, `document.cookie + (localStorage.ran ?? "")`))
	require.True(t, get[bool](p, `fetch("/data/value.json").then((r) => r.ok)`), "the pages read values")
	require.False(t, source.ran())
}

// violations collects what the policy of a page keeps from it.
//
// ReDoc is refused two things, on purpose: its maker's logo, and eval, for which it
// goes on without a worker for its search.
const violations = `window.violations = []; addEventListener("securitypolicyviolation", (e) => e.violatedDirective + e.blockedURI !== "script-srceval" && !e.blockedURI.startsWith("https://cdn.redoc.ly/redoc/logo") &&
	violations.push([e.violatedDirective, e.blockedURI, e.sourceFile, e.lineNumber, e.columnNumber].join(" ")))`

func TestThePagesNeedNothingThatTheirPoliciesForbid(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=0"})[0]
	if in.mustGet("/redoc/redoc.standalone.js").status != 200 {
		skip(t, "embedded scripts of the pages (make assets)")
	}
	// As a proxy does that serves it below a path.
	proxy := httptest.NewServer(http.StripPrefix("/below/a/path", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		again, err := http.NewRequestWithContext(r.Context(), r.Method, in.base+r.URL.RequestURI(), r.Body)
		if err != nil {
			return
		}
		answer, err := in.client.Do(again)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		for part := make([]byte, 4096); err == nil; {
			var n int
			n, err = answer.Body.Read(part)
			_, _ = w.Write(part[:n])
			_ = http.NewResponseController(w).Flush()
		}
	})))
	defer proxy.Close()
	for path, shown := range map[string]string{
		"/docs":       `document.querySelector("#operations-data-get_data__key_")`,
		"/docs/":      `document.querySelector("#operations-data-get_data__key_")`,
		"/redoc":      `document.body.textContent.includes("Where an answer came from stands in its")`,
		"/redoc/":     `document.body.textContent.includes("Where an answer came from stands in its")`,
		"/dashboard":  `document.querySelectorAll("#states li").length === 5 && document.querySelector("canvas")`,
		"/dashboard/": `document.querySelectorAll("#states li").length === 5 && document.querySelector("canvas")`,
	} {
		t.Run(path, func(t *testing.T) {
			p := open(t, proxy.URL+"/below/a/path"+path, 1280, 900, "light", violations)
			p.until(`!!(` + shown + `)`)
			if strings.HasPrefix(path, "/dashboard") {
				p.do(chromedp.Click(chromedp.CSS("button[value=get]")))
				p.until(`document.querySelector("#answer pre")?.textContent.includes("Data for test")`)
			}
			p.picture("page" + strings.ReplaceAll(path, "/", "-"))
			require.Empty(t, get[[]string](p, `violations`))
		})
	}
}
