package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/multi-layer-cache/multi-layer-cache/"

// allowed says which packages of the module a package may import, by the first
// folder of its path: domain ← ports ← app and domain, ports ← adapters. The
// single-flight group app/flight, and app/hot, know none of them. Only cmd sees all, and
// adapters/mlcache, which puts the same parts together for other programs, all but
// cmd. docs is the generated API description.
func allowed(importer, imported string) bool {
	from, _, _ := strings.Cut(importer, "/")
	to, _, _ := strings.Cut(imported, "/")
	switch from {
	case "domain", "docs":
		return false
	case "ports":
		return to == "domain" || to == "ports"
	case "app":
		return importer == "app" && (to == "domain" || imported == "ports" || imported == "app/flight" || imported == "app/hot")
	case "adapters":
		sameAdapter := adapter(importer) == adapter(imported)
		return adapter(importer) == "adapters/mlcache" && to != "cmd" || to == "domain" || imported == "ports" || sameAdapter || importer == "adapters/httpapi" && to == "docs"
	default:
		return from == "cmd"
	}
}

// adapter returns the folder of the adapter that a package belongs to.
func adapter(pkg string) string {
	parts := strings.SplitN(pkg, "/", 3)
	return path.Join(parts[:min(2, len(parts))]...)
}

// isNestedModule reports whether dir has a go.mod of its own: what compares
// this module with others may import what it likes.
func isNestedModule(root, dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && dir != root
}

func TestImportsFollowTheArrowsOfTheDesign(t *testing.T) {
	root := filepath.Join("..", "..")
	checked := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && isNestedModule(root, file) {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		require.NoError(t, err)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			imported, ours := strings.CutPrefix(name, module)
			if !ours {
				requireNoVendor(t, rel, name)
				continue
			}
			checked++
			require.True(t, allowed(filepath.ToSlash(rel), imported), "%s must not import %s", file, imported)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, checked, 30, "the walk should have seen the module")
}

// requireNoVendor keeps everything but the standard library out of the inner
// packages.
func requireNoVendor(t *testing.T, importer, imported string) {
	t.Helper()
	switch importer {
	case "domain", "ports", "app":
		first, _, _ := strings.Cut(imported, "/")
		require.NotContains(t, first, ".", "%s must not import %s", importer, path.Clean(imported))
	}
}
