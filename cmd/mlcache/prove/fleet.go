package prove

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache/cachetest"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// fleet is several instances on one Redis and one origin. All that a scenario sees of
// it is what anybody sees: HTTP, and the calls that the origin gets.
type fleet struct {
	*stage
	redis   *redistest.Server
	origin  *cachetest.Origin
	members []*Process
}

// instances is how many a fleet has.
const instances = 3

// gather starts a fleet that reaches Redis directly.
func (s *stage) gather(flags ...string) *fleet {
	f := &fleet{stage: s, redis: redistest.Start(s), origin: cachetest.StartOrigin(s)}
	f.join(f.redis.URL(), instances, flags...)
	return f
}

// join starts n more instances, which reach Redis at url, with these flags. Nothing is
// loaded ahead of time, so that calls can be counted, and a busy machine is no failure
// of Redis.
func (f *fleet) join(url string, n int, flags ...string) {
	f.members = append(f.members, Launch(f.stage, f.program, n, append([]string{
		"--redis-url=" + url, "--source-url=" + f.origin.URL + "/v/{key}", "--token=" + Token,
		"--ttl=1h", "--refresh-ahead=0", "--lock-ttl=1m", "--l2-timeout=" + (100*time.Millisecond + f.slack).String(),
		"--source-timeout=10m", "--request-timeout=10m", "--shutdown-timeout=1s",
	}, flags...)...)...)
	f.await("the instances subscribe", func(p *Process) bool { return p.Metrics()["bus_up"] == 1 })
}

// await returns when holds does of each member.
func (f *fleet) await(what string, holds func(p *Process) bool) {
	cachetest.Eventually(f.stage, what, func() bool {
		return !slices.ContainsFunc(f.members, func(p *Process) bool { return !p.Over && !holds(p) })
	})
}

// get sends n requests for key at once, to each of the members in turn.
func (f *fleet) get(n int, key string, members ...*Process) []Reply {
	if len(members) == 0 {
		members = f.members
	}
	var all sync.WaitGroup
	replies := make([]Reply, n)
	for i := range n {
		all.Go(func() { replies[i] = members[i%len(members)].Get(key) })
	}
	all.Wait()
	return replies
}

// getHeld does that, and has the origin answer as the plan says when all of them wait,
// and one member loads for all. It returns how long the last of them took from then on,
// too.
func (f *fleet) getHeld(n int, key string, plan cachetest.Plan) (replies []Reply, after time.Duration) {
	release := f.origin.Hold(key, plan)
	got := make(chan []Reply, 1)
	go func() { got <- f.get(n, key) }()
	f.awaitWaiting(n, f.members...)
	others := strconv.Itoa(len(f.members) - 1)
	cachetest.Eventually(f.stage, "the other instances wait for the lock", func() bool {
		return f.redis.Command("SCARD", "mlc:{"+key+"}:waiters") == others
	})
	f.origin.AwaitCall(f.stage, key, 1)
	released := time.Now()
	release()
	replies = <-got
	return replies, time.Since(released)
}

// awaitWaiting returns when n requests wait in these instances.
func (f *fleet) awaitWaiting(n int, members ...*Process) {
	cachetest.Eventually(f.stage, "the requests wait", func() bool {
		total := 0.0
		for _, p := range members {
			total += p.Metrics()["waiting"]
		}
		return total == float64(n)
	})
}

// loads claims how often the origin was called for key.
func (f *fleet) loads(key string, want int, says string) {
	got := f.origin.Called(key)
	f.claim(got == want, says, "%d of %d", got, want)
}

// answered claims that all replies have the status, and this body if that says one.
func (f *fleet) answered(replies []Reply, status int, body string) {
	var lost, others, wrong int
	for _, r := range replies {
		switch {
		case r.Status == 0:
			lost++
		case r.Status != status:
			others++
		case body != "" && r.Body != body:
			wrong++
		}
	}
	says := "every request is answered rightly"
	if status != http.StatusOK {
		says = "every request is told " + http.StatusText(status)
	}
	f.claim(lost+others+wrong == 0, says, "%d requests: %d lost, %d with another status, %d wrong", len(replies), lost, others, wrong)
}

// version claims that all members answer this version of key, now and a while later.
func (f *fleet) version(key string, version int, says string) {
	old := 0
	const times = 20
	for range times {
		for _, p := range f.members {
			if p.Over {
				continue
			}
			if r := p.Get(key); r.Body != cachetest.ValueOf(key, version) {
				old++
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.claim(old == 0, says, "%d of %d answers were old", old, times*len(f.members))
}

// write sends a PUT or DELETE, or a purge, which must succeed.
func (f *fleet) write(p *Process, method, path, body string) {
	r := p.Do(method, path, body, "Content-Type", "application/json")
	if r.Status/100 != 2 {
		f.Errorf("%s %s is answered %d: %s", method, path, r.Status, r.Body)
		f.FailNow()
	}
}

func (f *fleet) remove(p *Process, key string) { f.write(p, http.MethodDelete, "/data/"+key, "") }

// hold has all members hold version 1 of key in memory.
func (f *fleet) hold(key string) {
	f.origin.Change(key, 1)
	f.await("the value is in memory", func(p *Process) bool {
		r := p.Get(key)
		return r.Body == cachetest.ValueOf(key, 1) && r.Layer() == "l1"
	})
}

// degraded returns when all members say that they go on without Redis.
func (f *fleet) degraded() {
	f.await("it is noticed", func(p *Process) bool {
		return strings.Contains(p.Do(http.MethodGet, "/health", "").Body, `"l2":"degraded"`)
	})
}
