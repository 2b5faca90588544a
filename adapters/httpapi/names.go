package httpapi

import (
	"fmt"
	"mime"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
)

// acceptsJSON lets only requests through whose body is application/json. A page of
// another origin cannot send that without being allowed to.
func acceptsJSON(c *gin.Context) {
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || media != "application/json" {
		problem(c, problemMediaType)
	}
}

// namesIn returns the keys in a body, or what is wrong with it. Members that are
// unknown are ignored, as a later version may have more.
func namesIn(body []byte) (names []string, p Problem, ok bool) {
	var given struct {
		Keys []*string `json:"keys"`
	}
	// It refuses what would be read in different ways: members that are there
	// twice, text that is not UTF-8, halves of surrogate pairs.
	if json.Unmarshal(body, &given) != nil || given.Keys == nil || slices.Contains(given.Keys, nil) {
		return nil, problemBatch, false
	}
	if len(given.Keys) > maxBatchKeys {
		p = problemBatchLarge
		p.Detail = fmt.Sprintf("It has %d keys, at most %d are allowed.", len(given.Keys), maxBatchKeys)
		return nil, p, false
	}
	names = make([]string, len(given.Keys))
	for i, name := range given.Keys {
		names[i] = *name
	}
	return names, p, true
}
