package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// page is a page in a real browser.
type page struct {
	t   *testing.T
	ctx context.Context
}

// open shows a page as large as the screen says, in light or dark, with cookies and
// storage of its own. The scripts run before those of each page.
func open(t *testing.T, url string, width, height int64, scheme string, scripts ...string) *page {
	t.Helper()
	ctx, leave := chromedp.NewContext(shared.started(t), chromedp.WithNewBrowserContext())
	t.Cleanup(leave)
	ctx, late := context.WithTimeout(ctx, 5*patience)
	t.Cleanup(late)
	p := &page{t, ctx}
	p.do(chromedp.EmulateViewport(width, height))
	p.prefer(scheme)
	for _, source := range scripts {
		_, err := chromedp.Call(p.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: source})
		require.NoError(t, err)
	}
	p.do(chromedp.Navigate(url))
	return p
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, actions...))
}

// prefer sets what the user likes: light or dark.
func (p *page) prefer(scheme string) {
	p.t.Helper()
	// What listens is told in the order in which it began to.
	get[bool](p, fmt.Sprintf(`window.wanted = matchMedia("(prefers-color-scheme: %s)");
		window.preferred = new Promise((done) => wanted.matches ? done(true) : wanted.addEventListener("change", () => done(true))); true`, scheme))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(p.t, err)
	get[bool](p, "preferred")
}

// until waits until the expression is true.
func (p *page) until(expression string) {
	p.t.Helper()
	p.do(chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// get returns what the expression comes to, awaited.
func get[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err)
	return v
}

func (p *page) text(selector string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.ctx, chromedp.Text(chromedp.CSS(selector)))
	require.NoError(p.t, err)
	return s
}

// picture keeps what is to be seen, where MLCACHE_TEST_PICTURES says.
func (p *page) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("MLCACHE_TEST_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

// traffic asks for keys until it is stopped: often for few, now and then for a new
// one, which many want at once.
func (in *instance) traffic() (stop func()) {
	over, all := make(chan struct{}), sync.WaitGroup{}
	for client := range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				case <-time.After(2 * time.Millisecond):
				}
				key := fmt.Sprint("hot ", n%7)
				if n%40 == 0 {
					key = fmt.Sprint("new ", n)
				}
				if n%5 == client%5 {
					key = fmt.Sprint("warm ", n%300)
				}
				_, _ = in.get("/data/" + strings.ReplaceAll(key, " ", "%20"))
			}
		})
	}
	return sync.OnceFunc(func() {
		close(over)
		all.Wait()
	})
}

func TestTheLivePageShowsWhatHappens(t *testing.T) {
	needBrowser(t) // before traffic is made for nothing
	in := launch(t, 1, []string{"--oracle-delay=30ms", "--l1-max-entries=100", "--ttl=10m", "--shutdown-timeout=1h"})[0]
	if in.mustGet("/dashboard/uPlot.iife.min.js").status != 200 {
		skip(t, "embedded uPlot (make assets)")
	}
	p := open(t, in.base+"/dashboard", 1280, 900, "light")
	p.until(`document.querySelectorAll("#states li").length === 5`)
	require.Contains(t, p.text("#states"), "embedded")
	require.Contains(t, p.text("#tiles"), "0 in all")

	stop := in.traffic()
	defer stop()
	p.until(`current.recent.requests > 50 && $("tiles").textContent.includes(rate(current.recent.requests) + " /s")`)
	p.until(`current.recent.l1_ratio + current.recent.l2_ratio > 0.5`)
	p.until(`points.some((p) => p.requests?.[0] > 0) && points.some((p) => p.loads?.[0] > 0) && points.some((p) => p.evictions?.[0] > 0)`)
	p.until(`points.some((p) => p.latency?.[0] > 0)`)
	require.Contains(t, p.text("#requests .u-legend"), "Shared a load")

	p.do(chromedp.SetValue(chromedp.CSS("#key"), "<img src=x onerror=alert(1)>"), chromedp.Click(chromedp.CSS("button[value=get]")))
	p.until(`document.querySelector("#answer pre")?.textContent.includes("Data for <img")`)
	p.do(chromedp.SetValue(chromedp.CSS("#key"), "hot 1"), chromedp.Click(chromedp.CSS("button[value=get]")))
	p.until(`document.querySelector("#answer pre")?.textContent.includes("Data for hot 1")`)
	require.Contains(t, p.text("#answer"), "mlcache; hit")
	p.do(chromedp.Click(chromedp.CSS("button[value=reload]")))
	p.until(`document.querySelector("#answer").textContent.includes("fwd=request")`)
	p.do(chromedp.Click(chromedp.CSS("button[value=explain]")))
	p.until(`document.querySelector("#answer").textContent.includes("The next GET answers from L1")`)
	p.until(`$("answer").textContent.includes("L1 holds")`)
	if os.Getenv("MLCACHE_TEST_PICTURES") != "" {
		time.Sleep(65 * time.Second) // so that there is something to see
	}
	p.picture("dashboard-light")
	const drawn = `[...document.querySelectorAll(".u-value")].every((v) => v.textContent !== "--") && [...document.querySelectorAll("canvas")].every(
		(c) => new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size > 20)`
	p.until(drawn)
	p.prefer("dark")
	p.until(drawn)
	p.picture("dashboard-dark")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	p.until(`window.innerWidth === 390 && document.documentElement.scrollWidth <= window.innerWidth`) // it fits on a phone
	p.picture("dashboard-phone")

	stop()
	in.End() // a page that listens would hold it up for an hour
	p.until(`!document.querySelector("#offline").hidden`)
}
