package sqltest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ended is how a test ended at first. It goes on, other than a real one.
type ended struct {
	testing.TB
	said string
}

func (e *ended) Helper()           {}
func (e *ended) Skip(args ...any)  { e.end("skipped: ", args) }
func (e *ended) Fatal(args ...any) { e.end("failed: ", args) }

func (e *ended) end(how string, args []any) { e.said = cmp.Or(e.said, how+fmt.Sprint(args...)) }

func TestAMissingProgramSkipsAloudAndFailsUnderCI(t *testing.T) {
	var skipped, failed ended
	t.Setenv("CI", "")
	need(&skipped, "no-such-program", "package", t.TempDir())
	require.Equal(t, "skipped: NOT TESTED: no no-such-program (Debian: apt-get install package)", skipped.said)
	t.Setenv("CI", "true")
	need(&failed, "no-such-program", "package")
	require.Equal(t, "failed: NOT TESTED: no no-such-program (Debian: apt-get install package)", failed.said)
}

func TestTheNewestProgramOfSomeFoldersIsFound(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"14", "15"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, version, "no-such-program"), nil, 0o755))
	}
	require.Equal(t, filepath.Join(dir, "15", "no-such-program"), need(t, "no-such-program", "package", filepath.Join(dir, "*")))
}
