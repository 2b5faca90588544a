package httpapi

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// shownHot is how many hot keys of a route are shown, unless the request says so, and
	// mostHot how many it may ask for.
	shownHot = 20
	mostHot  = 1000
)

// Hot are the keys that this instance is asked for most often, by route.
type Hot struct {
	Routes []HotRoute `json:"routes"`
} //	@name	Hot

// HotRoute are the hottest keys of one route, the hottest first.
type HotRoute struct {
	Route string   `json:"route,omitempty" example:"products"` // its name, if MLCACHE_ROUTES is set
	Keys  []HotKey `json:"keys"`
} //	@name	HotRoute

// HotKey is a key that is requested often.
type HotKey struct {
	Key   string  `json:"key" example:"product:7"`
	Rate  float64 `json:"rate" example:"120.5"` // requests per second, estimated; a request of a minute ago counts half
	Error float64 `json:"error" example:"2.5"`  // by how much the rate may be too high because of other keys, and off (95 % confidence) because a sample is counted
} //	@name	HotKey

// hot tells which keys are requested most often.
//
//	@Summary		Tell the hottest keys of this instance
//	@Description	The keys that requests ask this instance for most often now, for each route. A sample of the requests is counted.
//	@Tags			service
//	@Produce		json
//	@Param			n	query		int					false	"How many keys of each route"	default(20)	minimum(1)	maximum(1000)
//	@Success		200	{object}	Hot					"The keys"
//	@Failure		400	{object}	Problem				"n is not a number from 1 to 1000"
//	@Failure		401	{object}	Problem				"The token is wrong or missing"
//	@Header			401	{string}	WWW-Authenticate	"Bearer"
//	@Failure		403	{object}	Problem				"Writing is not enabled"
//	@Security		Token
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store"
//	@Router			/hot [get]
//	@Router			/hot [head]
func (a *API) hot(c *gin.Context) {
	n := shownHot
	if text, given := c.GetQuery("n"); given {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > mostHot {
			problem(c, problemCount)
			return
		}
	}
	answer := Hot{Routes: []HotRoute{}}
	for _, route := range a.parts.Cache.Hot(n) {
		shown := HotRoute{Route: route.Route, Keys: []HotKey{}}
		for _, hot := range route.Keys {
			shown.Keys = append(shown.Keys, HotKey{hot.Key.String(), hot.Rate, hot.Error})
		}
		answer.Routes = append(answer.Routes, shown)
	}
	noStore(c.Writer.Header())
	c.JSON(http.StatusOK, answer)
}

// Warm names keys that are to be loaded.
type Warm struct {
	Keys []string `json:"keys" binding:"required" maxItems:"1000" example:"product:7"`
} //	@name	Warm

// Warmed says what became of the keys: each is counted once.
type Warmed struct {
	Keys    int `json:"keys" example:"3"`    // different ones: held + loaded + failed + skipped
	Held    int `json:"held" example:"1"`    // a layer had them; this instance's memory has them now
	Loaded  int `json:"loaded" example:"2"`  // the source was asked for them
	Failed  int `json:"failed" example:"0"`  // their load failed
	Skipped int `json:"skipped" example:"0"` // their load did not begin, or not end, within MLCACHE_REQUEST_TIMEOUT
} //	@name	Warmed

// warm loads keys that nobody has asked for yet.
//
//	@Summary		Load keys ahead of requests
//	@Description	Brings up to 1,000 keys into this instance's memory: from the shared layer, or from the source, once for all instances. Loads have a lower priority than all others: they take an eighth of the slots of the source at most, and none that requests wait for. Answers when all is done, after MLCACHE_REQUEST_TIMEOUT at the latest; loads that have begun go on. Send the keys again to load those that were skipped.
//	@Tags			data
//	@Accept			json
//	@Produce		json
//	@Param			warm	body		Warm				true	"The keys"
//	@Success		200		{object}	Warmed				"What became of the keys"
//	@Failure		400		{object}	Problem				"The body is not {"keys":["a","b"]}, or a key in it is not valid"
//	@Failure		401		{object}	Problem				"The token is wrong or missing"
//	@Header			401		{string}	WWW-Authenticate	"Bearer"
//	@Failure		403		{object}	Problem				"Writing is not enabled"
//	@Failure		404		{object}	Problem				"No route has one of the keys"
//	@Failure		408		{object}	Problem				"The body did not arrive in time"
//	@Failure		413		{object}	Problem				"There are too many keys or bytes"
//	@Failure		415		{object}	Problem				"The body is not said to be application/json"
//	@Failure		503		{object}	Problem				"Too many bodies of requests are in memory"
//	@Header			503		{integer}	Retry-After			"Seconds after which to try again"
//	@Security		Token
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store"
//	@Router			/warm [post]
func (a *API) warm(c *gin.Context) {
	body, p, ok := a.receive(c, maxBatchBody, problemBatchLarge)
	defer body.release()
	if !ok {
		problem(c, p)
		return
	}
	names, p, ok := namesIn(body.bytes)
	if !ok {
		problem(c, p)
		return
	}
	keys, err := a.parseKeys(distinct(names))
	if err != nil {
		a.fail(c, err)
		return
	}
	ctx := a.context(c)
	w := a.parts.Cache.Warm(ctx, keys)
	if ctx.Err() != nil {
		c.Status(clientClosed)
		return
	}
	noStore(c.Writer.Header())
	c.JSON(http.StatusOK, warmed(w))
}

func warmed(w domain.Warmed) Warmed {
	return Warmed{Keys: w.Held + w.Loaded + w.Failed + w.Skipped, Held: w.Held, Loaded: w.Loaded, Failed: w.Failed, Skipped: w.Skipped}
}
