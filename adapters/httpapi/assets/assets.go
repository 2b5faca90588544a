// Package assets holds the pages that people look at in a browser, and the files that
// they load: the project's own, and those of other projects, which "make assets"
// fetches and a CDN has otherwise. It knows nothing of what the pages show.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

// Files are all of them.
//
//go:embed *.html *.css *.js openapi.json vendored*
var Files embed.FS

// icon is that of each page: three layers.
const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cg fill='%2312a383'%3E" +
	"%3Cpath d='M8 1l7 3.5L8 8 1 4.5z'/%3E%3Cpath d='M1 8l2-1 5 2.5L13 7l2 1-7 3.5z' opacity='.75'/%3E%3Cpath d='M1 11.5l2-1L8 13l5-2.5 2 1L8 15z' opacity='.5'/%3E%3C/g%3E%3C/svg%3E"

// Page is a page that people look at in a browser.
type Page struct {
	Template string   // its file
	Vendored []string // files of other projects that it loads
	Own      []string // the project's own files that it loads
	Styles   string   // more sources of styles than its own origin
	More     string   // further directives of its policy
}

// Where says where a page is. Its links are relative, so that it works behind a path
// prefix.
type Where struct {
	Here  string // leads from the page to the folder of what it loads: empty, or with a slash at the end
	Root  string // leads to the root of the service
	Alone bool   // the page stands without a service
}

// At returns a handler that answers with the page.
func (p Page) At(w Where) http.Handler {
	answer := p.With(w.Here)
	return http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { answer(out, w) })
}

// With returns a function that answers with the page, whose template shows data. What it
// loads is at here, as Where has it.
func (p Page) With(here string) func(out http.ResponseWriter, data any) {
	pins := Pinned()
	functions := template.FuncMap{
		"load": func(name string) loaded { return pins[name].loadedFrom(here) },
		"icon": func() template.URL { return icon },
	}
	t := template.Must(template.New(p.Template).Funcs(functions).ParseFS(Files, p.Template))
	policy := p.policy(pins)
	return func(out http.ResponseWriter, data any) {
		h := out.Header()
		h["Content-Security-Policy"] = []string{policy}
		h["Referrer-Policy"] = []string{"no-referrer"}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		h["Content-Type"] = []string{"text/html; charset=utf-8"}
		if h["Cache-Control"] == nil {
			revalidated(h)
		}
		_ = t.Execute(out, data) // the client has left: tests execute each template
	}
}

// loaded is a file of another project as a page refers to it.
type loaded struct {
	URL       string
	Integrity string
	Remote    bool // it comes from the CDN
}

func (v Vendored) loadedFrom(here string) loaded {
	if v.Embedded {
		return loaded{here + v.Name, v.integrity(), false}
	}
	return loaded{v.remote, v.integrity(), true}
}

// policy lets a page load what it needs: from its own origin, and the very files of
// the CDN that are not embedded.
func (p Page) policy(pins map[string]Vendored) string {
	scripts, styles := "'self'", strings.TrimSpace("'self' "+p.Styles)
	for _, name := range p.Vendored {
		switch v := pins[name]; {
		case v.Embedded:
		case path.Ext(name) == ".css":
			styles += " " + v.remote
		default:
			scripts += " " + v.remote
		}
	}
	return "default-src 'none'; script-src " + scripts + "; style-src " + styles +
		"; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'" + p.More
}

// OpenAPI returns the API description, which "make generate" makes.
func OpenAPI() []byte { return []byte(read("openapi.json")) }

// Own returns a handler that answers with one of the project's own files.
func Own(name string) http.Handler {
	sum := sha256.Sum256([]byte(read(name)))
	return file{name, `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// file is an embedded file, which browsers revalidate: the page of a new version needs
// the files of that version.
type file struct{ path, etag string }

func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	opened, err := Files.Open(f.path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer func() { _ = opened.Close() }()
	h := w.Header()
	header(h, f.path)
	h["Etag"] = []string{f.etag}
	http.ServeContent(w, r, f.path, time.Time{}, opened.(io.ReadSeeker))
}

// header is that of each file.
func header(h http.Header, name string) {
	h["Content-Type"] = []string{mediaType(path.Ext(name))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	revalidated(h)
}

// revalidated lets caches keep the answer, to be used when the service confirms it.
func revalidated(h http.Header) { h["Cache-Control"] = []string{"no-cache"} }

// mediaType does not depend on what the machine's own list says.
func mediaType(extension string) string {
	if extension == ".css" {
		return "text/css; charset=utf-8"
	}
	return "text/javascript; charset=utf-8"
}

// read returns an embedded file, which the compiler saw to be there.
func read(name string) string {
	b, err := Files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(b)
}
