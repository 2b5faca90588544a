package main

import (
	"context"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// shared is the browser of all tests, since one takes seconds to start.
var shared browser

// browser is started by the first page and ends with the last test that needs it.
type browser struct {
	mu    sync.Mutex
	users int
	ctx   context.Context // nil while it does not run
	stop  func()
}

// needBrowser skips the test where there is no browser. The test then runs beside
// others: all that need the browser are counted before the first one opens a page.
func needBrowser(t *testing.T) {
	t.Helper()
	findBrowser(t)
	shared.enter()
	t.Cleanup(shared.leave)
	t.Parallel()
}

func (b *browser) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users++
}

// started returns the context of the browser, which runs.
func (b *browser) started(t *testing.T) context.Context {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx == nil {
		allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox, chromedp.DisableGPU)...)
		ctx, leave := chromedp.NewContext(allocator)
		b.stop = func() {
			_ = chromedp.Cancel(ctx) // waits for the browser to end
			leave()
			stop()
		}
		b.ctx = ctx
		require.NoError(t, chromedp.Do(ctx))
	}
	return b.ctx
}

func (b *browser) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users--; b.users == 0 && b.ctx != nil {
		b.stop()
		b.ctx = nil
	}
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	skip(t, "chromium (Debian: apt-get install chromium-headless-shell)")
	return ""
}
