package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rendered returns the page as a real browser has it once its scripts have run.
func rendered(t *testing.T, browser, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=20000", "--dump-dom", url)
	dom, err := cmd.Output()
	require.NoError(t, err)
	return string(dom)
}

func TestThePagesShowTheDescriptionInARealBrowser(t *testing.T) {
	browser := findBrowser(t)
	in := start(t)
	docs := rendered(t, browser, in.base+"/docs")
	requireShown(t, docs, `id="operations-data-get_data__key_"`)
	requireShown(t, docs, "Tell what was counted")

	if in.mustGet("/redoc/redoc.standalone.js").status != 200 {
		skip(t, "embedded script of ReDoc (make assets)")
	}
	redoc := rendered(t, browser, in.base+"/redoc")
	requireShown(t, redoc, "Where an answer came from stands in its")
}

// requireShown leaves the page, which is long, out of the message.
func requireShown(t *testing.T, page, text string) {
	t.Helper()
	require.True(t, strings.Contains(page, text), "the page does not show %q", text)
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	skip(t, "chromium (Debian: apt-get install chromium)")
	return ""
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
