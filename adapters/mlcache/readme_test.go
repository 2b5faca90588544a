package mlcache_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// around makes a program of the lines in README.md.
var around = [2]string{`package main

import (
	"context"
	"fmt"
	"os"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/mlcache"
)

type Product struct{ Name string }

func loadProduct(ctx context.Context, key string) (Product, error) { return Product{"product " + key}, nil }

func run(ctx context.Context) error {
`, `
	fmt.Println(p, err)
	return err
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
`}

func TestTheLinesInTheReadmeAreAProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("links a program")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		return string(text)
	}
	_, section, found := strings.Cut(read("README.md"), "## As a Go package\n\n```go\n")
	require.True(t, found)
	lines, _, _ := strings.Cut(section, "```")
	write("main.go", around[0]+lines+around[1])
	write("go.sum", read("go.sum"))
	const module = "github.com/multi-layer-cache/multi-layer-cache"
	write("go.mod", "module example\n\ngo 1.26\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+root+"\n")

	run := exec.Command("go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "{product 7} <nil>\n", string(out))
}

// A program that has the cache as a package should not have what only the service needs.
func TestThePackageLinksNoWebFramework(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for _, heavy := range []string{"gin-gonic", "swaggo", "opentelemetry", "alecthomas/kong", "chromedp", "\ntesting\n"} {
		require.NotContains(t, string(out), heavy)
	}
}
