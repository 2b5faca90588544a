package main

import (
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain lets this binary be a bare server, as the program's own is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childFlag {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestArgumentsAreRefusedByName(t *testing.T) {
	for args, want := range map[string]string{
		"-rounds 0":                 "-rounds is 0, must be at least 1",
		"-format csv":               `invalid value "csv" for flag -format: must be text or markdown`,
		"-duration 1500ms":          "-duration is 1.5s, must be whole seconds from 1 up",
		"-warmup 1ms":               "-warmup is 1ms, must be whole seconds",
		"-connections 1":            "-connections is 1 and -threads 2, must be at least 1 a thread",
		"-only (":                   "-only: error parsing regexp: missing closing ): `(`",
		"-only nobody":              `-only: "nobody" matches no row`,
		"more":                      `unexpected argument "more"`,
		childFlag + ` {"Kind":"x"}`: `there is no bare server "x"`,
	} {
		assert.EqualError(t, run(t.Context(), strings.Fields(args), io.Discard, io.Discard), want, args)
	}
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, io.Discard), flag.ErrHelp)
}

func TestWhatIsMissingIsNamedWithItsPackage(t *testing.T) {
	able, missing := toolset{toolRedis: "/x", toolNginx: "/x"}.able(subjects())
	assert.Len(t, able, len(subjects())-1)
	assert.Equal(t, "Left out: Varnish: no varnishd in PATH (Debian: apt-get install varnish)\n", missing)
	assert.Empty(t, findTool("no-such-program"))
	for said, want := range map[string]string{
		"nginx version: nginx/1.22.1":                   "1.22.1",
		"wrk debian/4.1.0-3+b2 [epoll] Copyright":       "4.1.0",
		"varnishd (varnish-7.1.1 revision 7cee1c581b)":  "7.1.1",
		"Redis server v=7.0.15 sha=00000000:0 malloc=j": "7.0.15",
		"": "of unknown version",
	} {
		assert.Equal(t, want, versionIn(said))
	}
}

func TestBareServersAreMadeOfTheVersionsOfTheService(t *testing.T) {
	ours, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	own, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	for _, module := range []string{"gin-gonic/gin ", "redis/go-redis/v9 "} {
		line := regexp.MustCompile(module + `v\S+`)
		assert.Equal(t, line.FindString(string(ours)), line.FindString(string(own)))
	}
}
