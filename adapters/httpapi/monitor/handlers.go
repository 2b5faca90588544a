package monitor

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/assets"
)

// Metrics returns ServeMetrics as a handler, to be mounted at any path.
func (m *Monitor) Metrics() http.Handler { return reading(m.ServeMetrics) }

// Dashboard returns the live page with all that it loads, to be mounted at any path and
// below it. It goes by the end of the path alone, so that it does not matter whether
// what comes before it is stripped.
func (m *Monitor) Dashboard() http.Handler {
	files := map[string]http.Handler{"": Page().At(assets.Where{Alone: true})}
	for _, name := range Page().Own {
		files[name] = assets.Own(name)
	}
	pins := assets.Pinned()
	for _, name := range Page().Vendored {
		if v := pins[name]; v.Embedded {
			files[name] = v.Handler()
		}
	}
	return reading(func(w http.ResponseWriter, r *http.Request) error {
		_, last := path.Split(asked(r))
		if last == "events" {
			return m.ServeEvents(w, r)
		}
		if file := files[last]; file != nil {
			file.ServeHTTP(w, r)
			return nil
		}
		// The links of the page lead on from a slash.
		w.Header()["Location"] = []string{"./" + url.PathEscape(last) + "/"}
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	})
}

// asked returns the path that the client asked for, of which r.URL may have a part.
func asked(r *http.Request) string {
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil && strings.HasPrefix(u.Path, "/") {
		return u.Path
	}
	return r.URL.Path
}

// reading returns a handler for GET and HEAD, which says in plain words why there is no
// answer.
func reading(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header()["Allow"] = []string{"GET, HEAD"}
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		switch err := serve(w, r); {
		case err == nil:
		case errors.Is(err, ErrFormat):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case errors.Is(err, ErrEnded), errors.Is(err, ErrStreams):
			w.Header()["Retry-After"] = []string{"1"}
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default:
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	})
}
