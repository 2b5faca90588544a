package httpsource

import (
	"net/http"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

// tagsOf returns the tags of a response: those of Surrogate-Key, separated by spaces,
// and of Cache-Tag, separated by commas.
func tagsOf(h http.Header) (domain.Tags, error) {
	names := field.Words(h["Surrogate-Key"])
	for _, line := range h["Cache-Tag"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name != "" {
				names = append(names, name)
			}
		}
	}
	return domain.ParseTags(names)
}
