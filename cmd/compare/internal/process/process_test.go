package process

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatEndsUnaskedSaysWhy(t *testing.T) {
	p, err := Command{Argv: []string{"sh", "-c", "echo no room >&2; exit 3"}}.Start(t.Context())
	require.NoError(t, err)
	defer p.Stop()
	err = p.Within(t.Context(), func(context.Context) error { return io.EOF })
	assert.EqualError(t, err, "it ended with exit status 3 and said: no room")
}

func TestTheEndOfTheContextEndsAServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := Command{Argv: []string{"sleep", "600"}}.Start(ctx)
	require.NoError(t, err)
	assert.NoError(t, p.Failure())
	cancel()
	<-p.Ended
	p.Stop()
	assert.ErrorContains(t, p.Failure(), "signal: terminated")
}

func TestOnlyTheLastOfWhatIsSaidIsKept(t *testing.T) {
	var said tail
	for range 10 {
		n, err := io.WriteString(&said, strings.Repeat("x", 999)+"y")
		require.NoError(t, err)
		assert.Equal(t, 1000, n)
	}
	assert.Len(t, said.kept, tailBytes)
	assert.True(t, strings.HasSuffix(said.text(), "xy"))
}

func TestSettingsOfTheCallerDoNotReachTheServers(t *testing.T) {
	for _, name := range []string{"MLCACHE_TTL", "OTEL_SDK_DISABLED", "GOMAXPROCS", "GOGC"} {
		t.Setenv(name, "1")
		assert.NotContains(t, strings.Join(withoutSettings(), "\n"), name+"=")
	}
	assert.Contains(t, strings.Join(withoutSettings(), "\n"), "PATH=")
}
