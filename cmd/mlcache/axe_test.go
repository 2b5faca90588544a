package main

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// accessible requires that axe finds nothing wrong with what the page shows, in light and
// in dark, and that it fits on a phone.
func (p *page) accessible(name string) {
	p.t.Helper()
	source := axe(p.t)
	if !get[bool](p, `!!window.axe`) {
		get[int](p, source+";0")
	}
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(scheme)
		// Without colours on their way to others.
		get[bool](p, `for (const a of document.getAnimations()) if (a.effect.getComputedTiming().endTime !== Infinity) a.finish(); true`)
		require.Empty(p.t, get[[]string](p, `axe.run().then((r) => r.violations.flatMap((v) => v.nodes.map((n) =>
			v.id + ": " + n.target.join(" ") + ": " + n.html.slice(0, 200) + ": " + [...n.any, ...n.all, ...n.none].map((c) => c.message).join("; "))))`), "%s, %s", name, scheme)
		p.picture(name + "-" + scheme)
	}
}

// fitsAPhone requires that nothing is wider than a phone.
func (p *page) fitsAPhone(name string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	p.until(`window.innerWidth === 390 && document.documentElement.scrollWidth <= window.innerWidth`)
	p.picture(name + "-phone")
	p.do(chromedp.EmulateViewport(1280, 900))
	p.until(`window.innerWidth === 1280`)
}

// axe returns the source of axe-core, or skips the test loudly.
func axe(t *testing.T) string {
	t.Helper()
	file, err := os.Open("testdata/axe/vendored/axe.min.js.gz")
	if err != nil {
		skip(t, "axe-core (make test-assets)")
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	source, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	return string(source)
}
