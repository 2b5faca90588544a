package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(t.Context(), args, &out, io.Discard, nil))
	return out.String()
}

// inShell runs commands in a shell that has read the script of completions.
func inShell(t *testing.T, shell, commands string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("NOT TESTED: no %s", shell)
	}
	file := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(file, []byte(printed(t, "completion", shell)), 0o600))
	out, err := exec.CommandContext(t.Context(), shell, "-c", strings.ReplaceAll(commands, "SCRIPT", file)).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestBashCompletesCommandsAndFlags(t *testing.T) {
	for typed, want := range map[string]string{
		"mlcache --read-to": "--read-token --read-token-file", "mlcache heal": "healthcheck", "mlcache completion f": "fish", "mlcache --token-file x": "",
	} {
		got := inShell(t, "bash", `source SCRIPT; COMP_WORDS=(`+typed+`); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _mlcache; echo ${COMPREPLY[@]}`)
		require.Equal(t, want, strings.TrimSpace(got), typed)
	}
}

func TestZshAndFishReadTheirScripts(t *testing.T) {
	t.Run("zsh", func(t *testing.T) { inShell(t, "zsh", "zsh -n SCRIPT") })
	t.Run("fish", func(t *testing.T) {
		require.Contains(t, inShell(t, "fish", `source SCRIPT; complete -C "mlcache --read-to"`), "--read-token-file")
		require.Contains(t, inShell(t, "fish", `source SCRIPT; complete -C "mlcache heal"`), "healthcheck")
	})
}

func TestTheManualHasEachSettingAndIsReadByMan(t *testing.T) {
	page := printed(t, "man")
	_, flags, err := parseArgs(nil, io.Discard)
	require.NoError(t, err)
	for _, flag := range flags {
		require.Contains(t, page, ".B "+roff("--"+flag.Name)+"\n")
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("NOT TESTED: no groff")
	}
	groff := exec.CommandContext(t.Context(), "groff", "-man", "-Tutf8", "-ww")
	groff.Stdin = strings.NewReader(page)
	var complaints strings.Builder
	groff.Stderr = &complaints
	shown, err := groff.Output()
	require.NoError(t, err)
	require.Empty(t, complaints.String())
	require.Contains(t, string(shown), "Read again when it changes.")
}
