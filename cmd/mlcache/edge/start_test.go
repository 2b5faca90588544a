package edge

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheProgramServesAndEndsWell(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.put("k", "value")
	got := p.get("/data/k")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "value", got.body)
	require.Less(t, p.peak(), 256*mib)
	p.signal(syscall.SIGTERM)
	require.NoError(t, p.wait())
}
