package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// states are what the service can be in, with what the page has to say of each.
var states = []struct {
	name     string
	change   func(*monitor.Live)
	problems []string // what is wrong and what to do, in order
	chips    []string
	shown    map[string]string // by selector
}{
	{
		name: "well", change: func(*monitor.Live) {}, problems: nil,
		chips: []string{"good L2 ok", "good Breaker closed", "good Invalidations arrive", "good Source (http) answers", "good Instance ready"},
		shown: map[string]string{"#instance": "shop-7:8000 · instance a · up 3.2 h", "#routes tbody": "all keys", "#version": "v1"},
	},
	{
		name: "load", change: func(e *monitor.Live) {
			e.Recent = monitor.Recent{Requests: 12345.6, SourceCalls: 4, Shared: 30.25, Stale: 1, L1Ratio: new(0.93), L2Ratio: new(0.05), P50: new(40e-6), P99: new(2.467)}
			e.Metrics.Waiting, e.Metrics.SourceCalls, e.Metrics.L1Entries, e.Metrics.L1Bytes = 7, 3, 1234, 5<<20
			e.Routes = []monitor.Route{
				{Name: "products", Source: "ok", Slots: 64, Requests: 12000, HitRatio: new(1.0), LoadP99: new(0.05), Changes: &monitor.Changes{Up: true, Leads: true, Behind: 0.2}},
				{Name: "rates", Source: "ok", Slots: 64, Requests: 345.6, HitRatio: new(0.5), LoadP99: new(2.467)},
			}
		},
		shown: map[string]string{"#tiles": "98.0 %|2.47 s|40 µs|7 waiting now|3 of 256 slots|12,346 /s|1,234|5 MiB", "#routes tbody": "products|12,000|100 %|50 ms|answers|200 ms, followed here|rates|50.0 %|2.47 s|not followed"},
	},
	{
		name: "redis-gone", change: func(e *monitor.Live) {
			e.State.L2, e.State.Reason, e.State.Breaker, e.Metrics.BusUp, e.Metrics.L2Up = "degraded", "no reply in time", "open", 0, 0
		},
		problems: []string{"bad Redis does not answer. |Check that Redis runs", "warn Invalidations do not arrive. |compared with L2"},
		chips:    []string{"bad L2 Redis does not answer", "bad Breaker open", "warn Invalidations do not arrive"},
	},
	{
		name: "disk-full", change: func(e *monitor.Live) { e.State.L2, e.State.Reason = "degraded", "the disk is full" },
		problems: []string{"bad L2 cannot be used: the disk is full. |for an embedded layer, its disk"},
	},
	{
		name: "source-hanging", change: func(e *monitor.Live) {
			e.Routes = []monitor.Route{{Name: "products", Source: "hanging", Calls: 3, Slots: 64}, {Name: "rates", Source: "ok", Slots: 64}}
		},
		problems: []string{"bad The source of products has not answered for 10 s: 3 calls in flight. |MLCACHE_SOFT_TIMEOUT"},
		chips:    []string{"bad Source (http) no answer for 10 s, 3 in flight"},
		shown:    map[string]string{"#routes tbody": "no answer for 10 s, 3 in flight"},
	},
	{
		name: "source-failing", change: func(e *monitor.Live) { e.Routes[0].Source, e.Recent.Failed = "failing", 2 },
		problems: []string{"bad The source fails. |Stale values are served", "bad 2 requests per second fail. |log"},
		chips:    []string{"bad Source (http) fails"},
	},
	{
		name: "source-saturated", change: func(e *monitor.Live) { e.Routes[0].Source = "saturated" },
		problems: []string{"warn The source: all 256 slots are in use. |MLCACHE_SOURCE_CONCURRENCY"},
		chips:    []string{"warn Source (http) all 256 slots in use"},
	},
	{
		name: "changes-down", change: func(e *monitor.Live) {
			e.Routes = []monitor.Route{{Name: "products", Source: "ok", Changes: &monitor.Changes{}}, {Name: "rates", Source: "ok", Changes: &monitor.Changes{Up: true, Behind: 90}}}
		},
		problems: []string{"bad No instance follows the changes of products. |ttl_without_changes", "warn The changes of rates are 1.5 min behind. |replica lags"},
		shown:    map[string]string{"#routes tbody": "no instance follows|1.5 min"},
	},
	{
		name: "differences", change: func(e *monitor.Live) {
			e.Finds = []monitor.Find{{Key: "<b>product:7</b>", Route: "products", After: 10, Ago: 12.5}, {Key: "product:8", After: 60, Ago: 100}}
		},
		problems: []string{"warn 2 copies differ from the source. |without an invalidation"},
		shown:    map[string]string{"#finds tbody": "<b>product:7</b>|products|10 s|12.5 s ago|product:8|1 min|1.67 min ago"},
	},
	{
		name: "shutting-down", change: func(e *monitor.Live) { e.State.Ready = false },
		problems: []string{"warn This instance is starting or shutting down. |/ready answers 503"},
		chips:    []string{"warn Instance not ready"},
	},
}

func TestEachStateSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	p := openScripted(t)
	for i, s := range states {
		e := at(20*i+20, 20*i)
		s.change(&e)
		p.say(e)
		said := get[[]string](p, `[...document.querySelectorAll("#problems li")].map((li) => li.className + " " + li.querySelector("b").textContent + ". |" + li.textContent)`)
		require.Len(t, said, len(s.problems), s.name)
		for n, want := range s.problems {
			requireParts(t, want, said[n], s.name)
		}
		require.Subset(t, get[[]string](p, `[...document.querySelectorAll("#states li")].map((li) => li.className + " " + li.textContent)`), s.chips, s.name)
		for selector, want := range s.shown {
			requireParts(t, want, get[string](p, fmt.Sprintf(`document.querySelector(%s).innerText`, strconv.Quote(selector))), s.name)
		}
		require.Equal(t, e.Finds == nil, get[bool](p, `$("finds").hidden`), s.name)
		p.accessible("dashboard-" + s.name)
		p.fitsAPhone("dashboard-" + s.name)
	}
	require.Empty(t, get[[]string](p, `exceptions`))
}

// requireParts requires that the text has each part of want, between bars.
func requireParts(t *testing.T, want, text, name string) {
	t.Helper()
	for _, part := range strings.Split(want, "|") {
		require.Contains(t, text, part, name)
	}
}

// The names of keys are not for everybody: they are shown with the token alone.
func TestHotKeysAreShownWithTheToken(t *testing.T) {
	p := openScripted(t)
	p.say(at(1, 0))
	p.check(`$("hot").hidden`)
	p.check(`(showHot({ routes: [{ keys: [{ key: "product:2", rate: 3 }] }, { route: "products", keys: [{ key: "<i>product:1</i>", rate: 1234.5 }] }] }), !$("hot").hidden)`)
	p.check(`$("hot").querySelector("tbody").innerText.replace(/\s+/g, " ").trim() === "<i>product:1</i> products 1,235 product:2 all keys 3"`)
	p.accessible("dashboard-hot")
	require.True(t, get[bool](p, `askForHot().then(() => $("hot").hidden)`))
}

func TestTheLivePageShowsHotKeysOfTheService(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=0", "--token=" + secret})[0]
	for range 3000 { // of which a sample is counted
		in.mustGet("/data/hot")
	}
	p := open(t, in.base+"/dashboard", 800, 600, "light")
	p.until(`!!document.querySelector("#token")`)
	p.do(chromedp.SetValue(chromedp.CSS("#token"), secret))
	p.until(`askForHot().then(() => $("hot").querySelector("tbody").innerText.includes("hot"))`)
}

// explained is what the page says of a key that is explained so.
func (p *page) explained(explanation string) string {
	p.t.Helper()
	p.check(`(window.fetch = async () => new Response(` + strconv.Quote(explanation) + `, { status: 200 }), $("answer").replaceChildren(), true)`)
	p.do(chromedp.Click(chromedp.CSS("button[value=explain]")))
	p.until(`!!document.querySelector("#answer .verdict")`)
	return get[string](p, `$("answer").innerText`)
}

func TestAKeyIsExplainedInWords(t *testing.T) {
	p := openScripted(t)
	p.say(at(1, 0))
	said := p.explained(`{"key":"k","route":"products","next":"stale","refresh_chance":0,"l1":{"state":"stale","age":31,"ttl":-1,"load_seconds":2.467,"bytes":50,"content_type":"application/json","etag":"\"e\"","tags":["brand:9"],"version":7,"doubtful":true},
		"l2":{"state":"unknown"},"lease":{"state":"unknown","seconds_left":0},"flight":{"under_way":true,"waiters":3,"seconds":1.5},"version_floor":6,"purge_sequence":5,
		"failure":{"kind":"source-failed","seconds_left":0.8},"changes":{"up":true,"leads":false,"behind":0.2},"differed":{"after":10,"ago":12.5}}`)
	for _, words := range []string{
		"The next GET answers with a stale value.", "L1 holds 50 B of application/json: loaded 31 s ago in 2.47 s, expired 1 s ago. Not verified",
		"Redis does not answer: what it holds is not known.", "A load is in flight here for 1.5 s, with 3 requests waiting.",
		"The last load failed (source-failed). It is not tried again for 800 ms.", "No value with a version below 6 is stored.",
		"The changes of the source are followed, 200 ms behind.", "A copy differed from what the source had for 10 s, found 12.5 s ago.", "brand:9", "products",
	} {
		require.Contains(t, said, words)
	}
	p.accessible("dashboard-explained")
	said = p.explained(`{"key":"k","next":"wait","refresh_chance":0,"l1":{"state":"none"},"l2":{"state":"fresh","missing":true,"age":1,"ttl":2,"load_seconds":0.05},
		"lease":{"state":"held","holder":"shop-8","seconds_left":4.2},"flight":{"under_way":false,"waiters":0,"seconds":0},"purge_sequence":0,"changes":{"up":false,"leads":false,"behind":0}}`)
	for _, words := range []string{
		"The next GET waits for another instance's load.", "L1 holds nothing for the key.", "Redis holds that there is no such key: loaded 1 s ago in 50 ms, expires in 2 s.",
		"The instance shop-8 has the lease, for 4.2 s unless it is renewed.", "No instance follows the changes of the source.",
	} {
		require.Contains(t, said, words)
	}
	p.fitsAPhone("dashboard-explained")
}

func TestAKeyThatNeedsATokenIsTriedWithTheOneThatIsTyped(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=0", "--read-token=the-token-that-reads"})[0]
	p := open(t, in.base+"/dashboard", 390, 844, "light", exceptions)
	p.until(`!!current`)
	p.check(`$("try").getBoundingClientRect().bottom < innerHeight`) // near the top, also on a phone
	p.do(chromedp.Click(chromedp.CSS("button[value=get]")))
	p.until(`$("answer").textContent.includes("type it into the field Token") && document.activeElement === $("token")`)
	p.do(chromedp.SetValue(chromedp.CSS("#token"), "another"), chromedp.Click(chromedp.CSS("button[value=explain]")))
	p.until(`$("answer").textContent.includes("The token is not the one that reads this key")`)
	p.do(chromedp.SetValue(chromedp.CSS("#token"), " the-token-that-reads "), chromedp.Click(chromedp.CSS("button[value=get]")))
	p.until(`$("answer").textContent.includes("Data for test")`)
	p.do(chromedp.Click(chromedp.CSS("button[value=explain]")))
	p.until(`$("answer").textContent.includes("L1 holds 50 B of application/json: loaded")`)
	p.check(`localStorage.length === 0 && sessionStorage.length === 0 && document.cookie === "" && !location.href.includes("token")`)
	p.do(chromedp.Navigate(in.base + "/dashboard"))
	p.until(`!!window.$ || typeof $ === "function"`)
	p.check(`$("token").value === ""`)
}

func TestTheLivePageSaysThatRedisIsGoneAndThatItIsBack(t *testing.T) {
	needBrowser(t)
	redis := redistest.Start(t)
	in := launch(t, 1, []string{"--oracle-delay=0", "--redis-url=" + redis.URL()})[0]
	in.mustGet("/data/test")
	p := open(t, in.base+"/dashboard", 1280, 900, "light", exceptions)
	p.until(`$("states").textContent.includes("L2 ok")`)
	redis.Kill()
	p.until(`(fetch("data/test").catch(() => 0), $("problems").textContent.includes("Redis does not run at its address"))`)
	p.check(`$("states").querySelector(".bad").textContent.includes("Redis")`)
	p.accessible("dashboard-redis-killed")
	redis.Restart()
	p.until(`(fetch("data/test").catch(() => 0), $("states").textContent.includes("L2 ok") && $("problems").children.length === 0)`)
}

func TestTheLivePageSaysThatTheSourceHangs(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=1h", "--source-timeout=2h", "--request-timeout=2h", "--shutdown-timeout=1ms"})[0]
	p := open(t, in.base+"/dashboard", 1280, 900, "light", exceptions)
	p.until(`!!current`)
	p.check(`(void fetch("data/test"), true)`)
	p.until(`current.metrics.waiting === 1 && $("empty").hidden`)
	p.until(`$("problems").textContent.includes("The source has not answered for 10 s: 1 call in flight")`)
	p.accessible("dashboard-source-hangs")
}

func TestAReloadOfTheLivePageLosesNothing(t *testing.T) {
	needBrowser(t)
	in := launch(t, 1, []string{"--oracle-delay=0"})[0]
	p := open(t, in.base+"/dashboard", 1280, 900, "light", exceptions)
	p.until(`points.length >= 3`)
	before := get[string](p, `JSON.stringify(points.slice(0, 3))`)
	p.do(chromedp.Navigate(in.base + "/dashboard"))
	p.until(`points.length >= 3`)
	p.check(`JSON.stringify(points).includes(` + strconv.Quote(before[1:len(before)-1]) + `)`)
}
