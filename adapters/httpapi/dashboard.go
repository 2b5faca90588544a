package httpapi

import (
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi/monitor"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func (a *API) routeDashboard(fs faces) {
	a.page(fs, "/dashboard", monitor.Page())
	fs.get("/dashboard/events", a.events)
}

// events tells the live page the numbers each second. It is for that page and not
// described.
func (a *API) events(c *gin.Context) { a.unless(c, a.monitor.ServeEvents(c.Writer, c.Request)) }

// metrics tells what was counted.
//
//	@Summary		Tell what was counted
//	@Description	The counters of this instance since it started, as JSON; for Prometheus as text, when Accept likes text/plain or OpenMetrics better than JSON, or with format=prometheus. Both show the same counters.
//	@Tags			service
//	@Produce		json,plain
//	@Param			format	query		string			false	"prometheus or json, whatever Accept says"	Enums(json, prometheus)
//	@Success		200		{object}	monitor.Metrics	"The counters"
//	@Failure		400		{object}	Problem			"There is no such format"
//	@Header			all		{string}	X-Request-Id	"Names this request"
//	@Header			all		{string}	Cache-Control	"no-store"
//	@Header			all		{string}	Vary			"Accept"
//	@Router			/metrics [get]
//	@Router			/metrics [head]
func (a *API) metrics(c *gin.Context) { a.unless(c, a.monitor.ServeMetrics(c.Writer, c.Request)) }

// unless answers with a problem if there is an error in place of an answer.
func (a *API) unless(c *gin.Context, err error) {
	switch {
	case err == nil:
	case errors.Is(err, monitor.ErrFormat):
		problem(c, problemFormat)
	case errors.Is(err, monitor.ErrEnded):
		problem(c, problemClosed)
	case errors.Is(err, monitor.ErrStreams):
		problem(c, problemStreams)
	default:
		a.fail(c, err)
	}
}

// latency is that of answers to GET /data/{key}.
func (a *API) latency() (sum ports.Durations) {
	for _, d := range a.parts.Answers.Durations() {
		if d.Route != dataRoute {
			continue
		}
		for i, n := range d.Counts {
			sum.Counts[i] += n
		}
		sum.Sum += d.Sum
	}
	return sum
}
