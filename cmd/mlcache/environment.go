package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// emptyMeansDefault gives a setting whose variable is set but empty its default:
// Docker Compose passes variables on so when they are not set.
func emptyMeansDefault(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if value, set := os.LookupEnv(name); set && value == "" {
			return flag.Default, nil
		}
	}
	return nil, nil
}

// foreign matches variables that are not settings: those of tests, and those that
// Kubernetes makes in every pod for a Service whose name begins with mlcache.
var foreign = regexp.MustCompile(`^MLCACHE_(TEST_\w+|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?))$`)

// misspelt returns an error for the first variable that is meant for this program
// and is none of its settings. It names the nearest one.
func misspelt(environment []string, flags []*kong.Flag) error {
	var settings, unknown []string
	for _, flag := range flags {
		settings = append(settings, flag.Envs...)
	}
	for _, pair := range environment {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "MLCACHE_") && !slices.Contains(settings, name) && !foreign.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	name := slices.Min(unknown)
	return usageError{fmt.Errorf("%q is not a setting, did you mean %s?", name, nearest(name, settings))}
}

// nearest returns the setting that name begins, else the one at the least distance.
func nearest(name string, settings []string) string {
	if i := slices.IndexFunc(settings, func(s string) bool { return strings.HasPrefix(s, name) }); i >= 0 {
		return settings[i]
	}
	return slices.MinFunc(settings, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

// distance returns how many bytes have to be inserted, deleted or replaced to make
// b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal, row[j+1] = row[j+1], min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
