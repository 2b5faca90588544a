//go:build fleet

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// former is an earlier state of the program, by its commit.
type former struct {
	name, commit string
	// fences says that its leases are voided by deletes of this version, and the other
	// way round.
	fences bool
}

func formers() []former {
	return []former{
		{name: "the last that knows no tags, versions and validators", commit: "97d64a37e80869d1bc06ed42ca531c708112808a", fences: true},
		{name: "before leases were proven by a grant", commit: "df1418153c4ae717de28e6210d3bb7e27300fe21"},
	}
}

// build returns the test binary of f, which runs as the program does, see childMain.
// A clone without the history skips the test; so does, except under CI, a machine that
// cannot build it.
func (f former) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sources, program := filepath.Join(dir, "sources"), filepath.Join(dir, "former.test")
	run := func(in, name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = in, append(os.Environ(), "GIT_INDEX_FILE="+filepath.Join(dir, "index"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(root, "git", "cat-file", "-e", f.commit+"^{commit}"); err != nil {
		t.Skipf("NOT TESTED: no commit %.7s (git fetch --unshallow): %v %s", f.commit, err, out)
	}
	for _, args := range [][]string{{"read-tree", f.commit}, {"checkout-index", "--all", "--prefix=" + sources + "/"}} {
		out, err := run(root, "git", args...)
		require.NoError(t, err, out)
	}
	if out, err := run(sources, "go", "test", "-c", "-o", program, "./cmd/mlcache"); err != nil {
		t.Logf("commit %.7s does not build: %v\n%s", f.commit, err, out)
		skip(t, "build of an earlier version")
	}
	return program
}
