package cli

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlagsAreReadAndTheRestIsRefused(t *testing.T) {
	parse := func(args string) ([]int, error) {
		sizes := Numbers{Least: 1, All: []int{1, 2}}
		flags := flag.NewFlagSet("x", flag.ContinueOnError)
		flags.Var(&sizes, "sizes", "`numbers` of something")
		err := ParseAll(flags, strings.Fields(args), io.Discard)
		return sizes.All, err
	}
	for args, want := range map[string][]int{"": {1, 2}, "-sizes 7": {7}, "-sizes 3,1": {3, 1}} {
		got, err := parse(args)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for args, want := range map[string]string{
		"-sizes 1,0":         `invalid value "1,0" for flag -sizes: "0" is not a whole number from 1 up`,
		"-sizes 1,":          `invalid value "1," for flag -sizes: "" is not a whole number from 1 up`,
		"-sizes 99999999999": `invalid value "99999999999" for flag -sizes: "99999999999" is not a whole number from 1 up`,
		"more":               `unexpected argument "more"`,
	} {
		_, err := parse(args)
		assert.EqualError(t, err, want)
	}
}

func TestUsageIsWrittenWhenAskedFor(t *testing.T) {
	var usage strings.Builder
	flags := flag.NewFlagSet("x", flag.ContinueOnError)
	flags.Var(&Numbers{All: []int{4, 5}}, "sizes", "`numbers` of something")
	require.ErrorIs(t, ParseAll(flags, []string{"-h"}, &usage), flag.ErrHelp)
	assert.Contains(t, usage.String(), "-sizes numbers")
	assert.Contains(t, usage.String(), "(default 4,5)")
}
