//go:build ignore

// Pauses writes an overlay for go build (see go help build) in which functions pause now
// and then for some milliseconds, at their beginning and before they start, send, defer or
// select something. Tests that rely on how fast something is, or on what comes first, fail
// with it. What is visited often pauses less often, so all takes a few times as long.
//
// Usage: go run .ci/pauses.go directory
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	module = "github.com/multi-layer-cache/multi-layer-cache"
	name   = "pausesForTests" // of the package that the overlay adds
)

// pause sleeps outside of package time, so that the time of testing/synctest stands still.
const pause = `package ` + name + `

import (
	"math/rand/v2"
	"sync/atomic"
	"syscall"
)

var visits [%d]atomic.Int64

func At(site int) {
	if rand.Int64N(max(6, visits[site].Add(1)/16)) != 0 {
		return
	}
	ms := 4 * rand.Float64()
	if rand.IntN(10) == 0 {
		ms = 30 * rand.Float64()
	}
	pause := syscall.NsecToTimespec(int64(ms * 1e6))
	_ = syscall.Nanosleep(&pause, nil)
}
`

func main() {
	log.SetFlags(0)
	root, err := os.Getwd()
	must(err)
	overlay, sites := map[string]string{}, 0
	add := func(file, text string) {
		written := filepath.Join(os.Args[1], fmt.Sprintf("%d.go", len(overlay)))
		must(os.WriteFile(written, []byte(text), 0o600))
		overlay[file] = written
	}
	for _, layer := range []string{"domain", "ports", "adapters", "app", "cmd/mlcache"} {
		must(filepath.WalkDir(filepath.Join(root, layer), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			text, err := os.ReadFile(file)
			must(err)
			add(file, withPauses(string(text), &sites))
			return nil
		}))
	}
	add(filepath.Join(root, name, "pause.go"), fmt.Sprintf(pause, sites))
	all, err := json.Marshal(map[string]any{"Replace": overlay})
	must(err)
	must(os.WriteFile(filepath.Join(os.Args[1], "overlay.json"), all, 0o600))
}

// withPauses returns the text of a file with calls of At. All stays on its line.
func withPauses(text string, sites *int) string {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", text, parser.SkipObjectResolution)
	must(err)
	var at []int
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				at = append(at, files.Position(n.Body.Lbrace).Offset+1)
			}
		case *ast.FuncLit:
			at = append(at, files.Position(n.Body.Lbrace).Offset+1)
		case *ast.BlockStmt:
			for _, statement := range n.List {
				switch statement.(type) {
				case *ast.SelectStmt, *ast.SendStmt, *ast.DeferStmt, *ast.GoStmt:
					at = append(at, files.Position(statement.Pos()).Offset)
				}
			}
		}
		return true
	})
	if len(at) == 0 {
		return text
	}
	slices.Sort(at)
	for _, offset := range slices.Backward(at) {
		text = fmt.Sprintf("%s %s.At(%d); %s", text[:offset], name, *sites, text[offset:])
		*sites++
	}
	end := files.Position(file.Name.End()).Offset // before all of them
	return fmt.Sprintf("%s; import %q%s", text[:end], module+"/"+name, text[end:])
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
