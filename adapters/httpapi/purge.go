package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// maxPurged is how many keys, and how many tags, one purge names at most.
	maxPurged = 1000
	// maxPurgeBody has room for so many of the longest keys and tags, as JSON spells them.
	maxPurgeBody = 4 << 20
)

// Purge says what is to be purged.
type Purge struct {
	Keys    []string `json:"keys,omitempty" maxItems:"1000" example:"product:7"`
	Tags    []string `json:"tags,omitempty" maxItems:"1000" example:"brand:9"` // groups of values: Surrogate-Key, Cache-Tag, _tags
	All     bool     `json:"all,omitempty" example:"false"`                    // everything
	Soft    bool     `json:"soft,omitempty" example:"false"`                   // what is purged is stale instead of absent
	Version uint64   `json:"version,omitempty" example:"42"`                   // of the keys' values since then: no older one is stored any more
} //	@name	Purge

// Purged says what was done.
type Purged struct {
	Keys int  `json:"keys" example:"1"` // how many
	Tags int  `json:"tags" example:"1"` // how many
	All  bool `json:"all" example:"false"`
	Soft bool `json:"soft" example:"false"`
} //	@name	Purged

// purge makes keys, and all that has certain tags, absent or stale.
//
//	@Summary		Purge keys, tags, or everything
//	@Description	What is purged is absent from every layer, or stale if the purge is soft. A purge of a tag, or of everything, costs the same however much has it. Loads in flight are covered. After 200 this instance serves the old values no more, nor do the others once they have received the purge. With a version, values of the keys with a lower version are not stored any more. A purge can be repeated.
//	@Tags			data
//	@Accept			json
//	@Produce		json
//	@Param			purge	body		Purge				true	"What is to be purged"
//	@Success		200		{object}	Purged				"It is purged"
//	@Failure		400		{object}	Problem				"The body is not a purge, or a key or tag in it is not valid"
//	@Failure		401		{object}	Problem				"The token is wrong or missing"
//	@Header			401		{string}	WWW-Authenticate	"Bearer"
//	@Failure		403		{object}	Problem				"Writing is not enabled"
//	@Failure		404		{object}	Problem				"No route has one of the keys"
//	@Failure		408		{object}	Problem				"The body did not arrive in time"
//	@Failure		413		{object}	Problem				"The purge has too many keys, tags or bytes"
//	@Failure		415		{object}	Problem				"The body is not said to be application/json"
//	@Failure		503		{object}	Problem				"The shared layer did not answer: parts of the purge may or may not have been done"
//	@Header			503		{integer}	Retry-After			"Seconds after which to try again"
//	@Security		Token
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store, with a problem"
//	@Router			/purge [post]
func (a *API) purge(c *gin.Context) {
	body, p, ok := a.receive(c, maxPurgeBody, problemPurgeLarge)
	defer body.release()
	if !ok {
		problem(c, p)
		return
	}
	names, request, p, ok := purgeIn(body.bytes)
	if !ok {
		problem(c, p)
		return
	}
	var err error
	if request.Keys, err = a.parseKeys(names); err != nil {
		a.fail(c, err)
		return
	}
	if err := a.parts.Cache.Purge(a.context(c), request); err != nil {
		a.fail(c, err)
		return
	}
	noStore(c.Writer.Header())
	c.JSON(http.StatusOK, Purged{Keys: len(request.Keys), Tags: len(request.Tags), All: request.All, Soft: request.Soft})
}

// maxEventsBody bounds change events that come together.
const maxEventsBody = 16 << 20

// purgeChanged purges what change events say has changed.
//
//	@Summary		Take Debezium's change events
//	@Description	Invalidates the keys of the rows that changed, by the table and the key that routes give under changes. Events come one by one, as a JSON array, or one per line, with or without schema; those of other tables are ignored. There is no such path unless a route has changes of the type debezium.
//	@Tags			data
//	@Accept			json
//	@Produce		json
//	@Param			events	body		object				true	"Events, as Debezium's JSON converter writes them"
//	@Success		200		{object}	Purged				"How many keys are invalidated; all: a whole route is stale"
//	@Failure		400		{object}	Problem				"The body has no change events; nothing was done"
//	@Failure		401		{object}	Problem				"The token is wrong or missing"
//	@Header			401		{string}	WWW-Authenticate	"Bearer"
//	@Failure		403		{object}	Problem				"Writing is not enabled"
//	@Failure		408		{object}	Problem				"The body did not arrive in time"
//	@Failure		413		{object}	Problem				"The body is too large"
//	@Failure		415		{object}	Problem				"The body is not said to be application/json"
//	@Failure		503		{object}	Problem				"The shared layer did not answer: send the events again"
//	@Header			503		{integer}	Retry-After			"Seconds after which to try again"
//	@Security		Token
//	@Header			all	{string}	X-Request-Id	"Names this request"
//	@Header			all	{string}	Cache-Control	"no-store, with a problem"
//	@Router			/purge/debezium [post]
func (a *API) purgeChanged(c *gin.Context) {
	body, p, ok := a.receive(c, maxEventsBody, problemPurgeLarge)
	defer body.release()
	if !ok {
		problem(c, p)
		return
	}
	purges, err := a.parts.ChangeEvents(body.bytes)
	if err != nil {
		p := problemEvents
		p.Detail = err.Error()
		problem(c, p)
		return
	}
	var done Purged
	for _, request := range purges {
		if err := a.parts.Cache.Purge(a.context(c), request); err != nil {
			a.fail(c, err)
			return
		}
		done.Keys += len(request.Keys)
		done.All = done.All || len(request.Tags) > 0
		done.Soft = done.All
	}
	noStore(c.Writer.Header())
	c.JSON(http.StatusOK, done)
}

// purgeIn reads a purge, with the names of its keys, or returns what is wrong with it.
func purgeIn(body []byte) (names []string, request domain.PurgeRequest, p Problem, ok bool) {
	var given struct {
		Keys    []*string `json:"keys"`
		Tags    []*string `json:"tags"`
		All     bool      `json:"all"`
		Soft    bool      `json:"soft"`
		Version uint64    `json:"version"`
	}
	bad := json.Unmarshal(body, &given, json.RejectUnknownMembers(true)) != nil || slices.Contains(given.Keys, nil) || slices.Contains(given.Tags, nil)
	switch keys, tags := len(given.Keys), len(given.Tags); {
	case bad || keys+tags == 0 && !given.All:
		return nil, request, problemPurge, false
	case max(keys, tags) > maxPurged:
		p = problemPurgeLarge
		p.Detail = fmt.Sprintf("It has %d keys and %d tags, at most %d of each are allowed.", keys, tags, maxPurged)
		return nil, request, p, false
	}
	for _, name := range given.Tags {
		tag, err := domain.ParseTags([]string{*name})
		if err != nil {
			p = problemPurge
			_, p.Detail, _ = strings.Cut(err.Error(), ": ")
			return nil, request, p, false
		}
		request.Tags = append(request.Tags, tag...)
	}
	for _, name := range given.Keys {
		names = append(names, *name)
	}
	request.Tags = distinct(request.Tags)
	request.All, request.Soft, request.Version = given.All, given.Soft, given.Version
	return distinct(names), request, p, true
}

// parseKeys returns the keys with these names, or the error of the first that is none.
func (a *API) parseKeys(names []string) (keys []domain.Key, err error) {
	for _, name := range names {
		key, err := a.parseKey(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// distinct sorts texts and returns each once.
func distinct[S ~[]string](texts S) S {
	slices.Sort(texts)
	return slices.Compact(texts)
}
