package monitor

import (
	"strconv"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

// accepted is what an Accept field says of one media type.
type accepted struct {
	specific int // 0: nothing, 1: by */*, 2: by type/*, 3: by its name
	quality  float64
}

// Accepts returns how much an Accept field likes the best liked of some media
// types, from 0 to 1: each by the most specific range that it is in (RFC 9110,
// section 12.5.1). Parameters other than q are left to the caller.
func Accepts(lines []string, mediaTypes ...string) (best float64) {
	for _, mediaType := range mediaTypes {
		var is accepted
		for member := range field.Members(lines) {
			said := accepted{specificity(strings.ToLower(field.Value(member)), mediaType), quality(member)}
			switch {
			case said.specific > is.specific && said.quality >= 0:
				is = said
			case said.specific == is.specific:
				is.quality = max(is.quality, said.quality)
			}
		}
		if is.specific > 0 {
			best = max(best, is.quality)
		}
	}
	return best
}

func specificity(mediaRange, mediaType string) int {
	kind, _, _ := strings.Cut(mediaType, "/")
	switch mediaRange {
	case mediaType:
		return 3
	case kind + "/*":
		return 2
	case "*/*":
		return 1
	}
	return 0
}

// quality returns the weight among the parameters of a media range, 1 if there is
// none, and -1 for one that cannot be read.
func quality(member string) float64 {
	for parameter := range field.Split(member, ';') {
		name, argument, _, ok := field.Directive(parameter)
		if !ok || name != "q" {
			continue
		}
		q, err := strconv.ParseFloat(argument, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return -1
		}
		return q
	}
	return 1
}
