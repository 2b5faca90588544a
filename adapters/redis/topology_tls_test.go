package redis

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/redis/redistest"
)

// rights are what an ACL user needs on a single server, and all of it.
var rights = strings.Fields(`~mlc:* &mlc:* +ping +evalsha +eval
	+get +set +del +pttl +pexpire +sadd +smembers +publish +subscribe`)

// tlsURL is the environment variable that makes the next test the client in it.
const tlsURL = "MLCACHE_TEST_TLS_URL"

func TestOverTLSAnACLUserWithTheDocumentedRightsCanDoEverything(t *testing.T) {
	if url := os.Getenv(tlsURL); url != "" {
		require.NoError(t, exercise(t.Context(), join(t, url), join(t, url), parse(t, "k")))
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("which CAs are trusted is not taken from the environment here")
	}
	server := redistest.StartTLS(t, rights...)
	// Which CAs are trusted is read once per process, so it takes one of its own.
	client := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	client.Env = append(os.Environ(), "SSL_CERT_FILE="+server.CAFile, tlsURL+"="+server.URL())
	out, err := client.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	require.Empty(t, refusals(server), "nothing that was sent was refused")
}

// refusals returns what the server denied to its user for want of a right.
func refusals(s *redistest.TLS) []string {
	var refused []string
	lines := strings.Split(s.Command("ACL", "LOG"), "\n")
	for i := 0; i+1 < len(lines); i++ {
		// go-redis says its version, and goes on when that is refused.
		if lines[i] == "object" && !strings.HasPrefix(lines[i+1], "client|setinfo") {
			refused = append(refused, lines[i+1])
		}
	}
	return refused
}
