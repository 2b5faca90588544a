package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// Where the documents have the service, and the one that compose starts.
	serviceURL, shopURL = "http://localhost:8000", "http://localhost:8010"
	composeUp           = "docker compose --profile postgres up "
)

// stage is what the commands of one block find. A command "mlcache … &" starts the
// program, which is the service from then on. The profile postgres of compose starts
// without containers, see startShop. https://api.example.com is an API of the test,
// and files in /tmp are in a folder of its own.
type stage struct {
	t    *testing.T
	here map[string]string // by what the documents say
}

func newStage(t *testing.T, service *process) *stage {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(productAPI))
	t.Cleanup(api.Close)
	return &stage{t, map[string]string{serviceURL: service.base, "https://api.example.com": api.URL, "/tmp/": t.TempDir() + "/"}}
}

// productAPI is an API as others have it.
func productAPI(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/products/7" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=60")
	_, _ = w.Write([]byte(`{"id":7,"name":"Pot"}`))
}

// replay runs the commands of a transcript and returns the transcript of that.
func (s *stage) replay(shown string) string {
	s.t.Helper()
	var ran []string
	for line := range strings.SplitSeq(shown, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			ran = append(ran, strings.TrimRight("$ "+command+"\n"+s.run(command), "\n")+"\n")
		}
	}
	return strings.Join(ran, "\n")
}

// run returns what a command prints, as the documents would show it.
func (s *stage) run(command string) string {
	s.t.Helper()
	program, _, _ := strings.Cut(command, " ")
	flags, background := strings.CutSuffix(command, " &")
	switch {
	case program == "mlcache" && background:
		words := strings.Split(s.bash(`mlcache() { printf '%s\0' "$@"; }; `+flags), "\x00")
		s.here[serviceURL] = launch(s.t, 1, words[:len(words)-1])[0].base
		return ""
	case strings.HasPrefix(command, composeUp):
		s.here[shopURL] = startShop(s.t).base
		return ""
	case program == "sqlite3":
		if _, err := exec.LookPath(program); err != nil {
			skip(s.t, "sqlite3 (Debian: apt-get install sqlite3)")
		}
	}
	text := strings.ReplaceAll(s.bash(command), "\r", "")
	for _, there := range slices.Sorted(maps.Keys(s.here)) {
		text = strings.ReplaceAll(text, s.here[there], there)
	}
	return text
}

// bash returns what a script prints that says where things are as the documents do.
func (s *stage) bash(script string) string {
	s.t.Helper()
	for there, here := range s.here {
		script = strings.ReplaceAll(script, there, here)
	}
	cmd, home := exec.CommandContext(s.t.Context(), "bash", "-c", script), s.t.TempDir() // no .curlrc, no proxy
	cmd.Env = append(os.Environ(), "LC_ALL=C", "no_proxy=*", "HOME="+home, "CURL_HOME="+home, "XDG_CONFIG_HOME="+home)
	var failure strings.Builder
	cmd.Stderr = &failure // curl's progress
	out, err := cmd.Output()
	require.NoError(s.t, err, "%s\n%s", script, failure.String())
	return string(out)
}
