package main

import (
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The module docs/deploy/verify checks the rest.
func TestTheProgramTakesTheSettingsOfKubernetes(t *testing.T) {
	var deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Env []struct{ Name, Value string }
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readAll(t, "docs/deploy/kubernetes/deployment.yaml")), &deployment))
	for _, env := range deployment.Spec.Template.Spec.Containers[0].Env {
		if !strings.HasSuffix(env.Name, "_FILE") { // of the Secret
			t.Setenv(env.Name, env.Value)
		}
	}
	for line := range strings.Lines(readAll(t, "docs/deploy/kubernetes/settings.env")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			t.Setenv(name, value)
		}
	}
	c, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "http", c.Source)
	require.NotEmpty(t, c.AdminAddr)
}

func TestEachSettingThatTheFilesForDeploymentNameExists(t *testing.T) {
	_, flags, err := parseArgs(nil, io.Discard)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, flag := range flags {
		for _, name := range flag.Envs {
			known[name] = true
		}
	}
	require.NoError(t, fs.WalkDir(os.DirFS(root), "docs/deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") {
			return err
		}
		for _, name := range regexp.MustCompile(`MLCACHE_[A-Z0-9_]+`).FindAllString(readAll(t, path), -1) {
			require.True(t, known[name], "%s: %s", path, name)
		}
		return nil
	}))
}
