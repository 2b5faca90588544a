package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// transcript is a block of a document that shows commands, each after "$ ", and
// what they print.
var transcript = regexp.MustCompile("(?s)```console\n(.*?)```")

// changing is what differs from run to run, and what stands for it in comparisons.
var changing = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`"version":"[^"]*"`), `"version":"…"`},
	{regexp.MustCompile(`(?m)^Date: .*$`), "Date: …"},
	{regexp.MustCompile(`(?m)^X-Request-Id: .*$`), "X-Request-Id: …"},
	{regexp.MustCompile(`"instance":"[^"]+"`), `"instance":"…"`},
	{regexp.MustCompile(`ttl=-?\d+`), "ttl=…"},
	{regexp.MustCompile(`"(age|ttl|load_seconds|refresh_chance|seconds|seconds_left)":-?[0-9.e-]+`), `"$1":…`},
	{regexp.MustCompile(`(?m)^Age: \d+$`), "Age: …"},
}

func comparable(s string) string {
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.by)
	}
	return strings.TrimSpace(s)
}

// TestTheTranscriptsInTheDocumentsAreTrue runs what they show, on a service of its
// own for each document, or on what a block starts (see stage). UPDATE_TRANSCRIPTS=1 writes what came out into them.
func TestTheTranscriptsInTheDocumentsAreTrue(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, tool+" (Debian: apt-get install "+tool+")")
		}
	}
	files, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if !transcript.Match(text) {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			settings := []string{"--token=secret"}
			if !updating() {
				settings = append(settings, "--ttl=10m") // which a busy machine does not outlast
			}
			in, shown := launch(t, 1, settings)[0], string(text)
			for i, block := range transcript.FindAllStringSubmatch(shown, -1) {
				t.Run(fmt.Sprint(i+1), func(t *testing.T) {
					ran := newStage(t, in).replay(block[1])
					if !updating() {
						require.Equal(t, comparable(block[1]), comparable(ran))
					} else if comparable(block[1]) != comparable(ran) {
						shown = strings.Replace(shown, block[1], ran, 1)
					}
				})
			}
			if shown != string(text) {
				require.NoError(t, os.WriteFile(file, []byte(shown), 0o600))
			}
		})
	}
}

func updating() bool { return os.Getenv("UPDATE_TRANSCRIPTS") != "" }
