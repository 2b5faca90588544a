package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// found returns the first group of each match.
func found(expression, text string) (all []string) {
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// documents returns the paths of all pages for people, relative to the root.
func documents(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/adr/*.md"} {
		more, err := fs.Glob(os.DirFS(root), pattern)
		require.NoError(t, err)
		files = append(files, more...)
	}
	return files
}

func TestEveryTestThatTheThreatsNameExists(t *testing.T) {
	var tests []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") {
			tests = append(tests, found(`(?m)^func ((?:Test|Fuzz)\w+)\(`, readAll(t, path))...)
		}
		return err
	}))
	named := found("`((?:Test|Fuzz)\\w+)`", readAll(t, "docs/security.md"))
	require.NotEmpty(t, named)
	require.Subset(t, tests, named)
	for _, row := range found(`(?m)^(\| .+)$`, readAll(t, "docs/security.md")) {
		require.Regexp(t, "^\\| threat \\||`(Test|Fuzz)\\w+`|`make \\w+`", row, "it names no test")
	}
}

func TestEveryProblemIsDocumentedWithItsStatus(t *testing.T) {
	statuses := map[string]int{}
	for status := 100; status < 600; status++ {
		statuses["Status"+strings.ReplaceAll(http.StatusText(status), " ", "")] = status
	}
	kinds := regexp.MustCompile(`kind\((?:"([a-z0-9-]+)"|kindNotCached), http\.(Status\w+)`).FindAllStringSubmatch(readAll(t, "adapters/httpapi/problem.go"), -1)
	require.NotEmpty(t, kinds)
	table := readAll(t, "docs/http.md")
	for _, k := range kinds {
		name := k[1]
		if name == "" {
			name = "not-cached"
		}
		require.NotZero(t, statuses[k[2]], k[2])
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| %d \\|.*`%s`", statuses[k[2]], name))
		assert.True(t, row.MatchString(table), "docs/http.md has no row for %d %s", statuses[k[2]], name)
	}
}

func TestLinksInTheDocumentsLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		for _, link := range found(`\]\(([^)\s]+)\)`, readAll(t, file)) {
			u, err := url.Parse(link)
			require.NoError(t, err, "%s: %s", file, link)
			if u.Scheme != "" || strings.HasPrefix(link, "http") {
				continue
			}
			target := file
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(file), u.Path)
				_, err = os.Stat(filepath.Join(root, target))
				require.NoError(t, err, "%s: %s", file, link)
			}
			if u.Fragment != "" {
				require.Contains(t, anchors(readAll(t, target)), u.Fragment, "%s: %s", file, link)
			}
		}
	}
}

// anchors returns those of the headings, as GitHub makes them.
func anchors(text string) (all []string) {
	for _, heading := range found(`(?m)^#+ (.+)$`, text) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

func TestTheIndexesOfTheDocumentsAreComplete(t *testing.T) {
	readme, index, contributing := readAll(t, "README.md"), readAll(t, "docs/index.md"), readAll(t, "docs/CONTRIBUTING.md")
	var pages []string
	for _, file := range documents(t)[1:] {
		status := strings.SplitN(readAll(t, file), "\n", 4)
		if len(status) > 2 && strings.Contains(status[2], "superseded") || strings.HasSuffix(file, "index.md") {
			continue
		}
		pages = append(pages, file)
		assert.True(t, strings.Contains(index, "("+strings.TrimPrefix(file, "docs/")+")"), "docs/index.md has no link to %s", file)
	}
	require.NotEmpty(t, pages)
	for _, target := range found(`(?m)^([a-z-]+):.*## `, readAll(t, "Makefile")) {
		if strings.HasPrefix(target, "prove-") || target == "help" {
			continue
		}
		assert.True(t, strings.Contains(contributing, "`make "+target+"`"), "docs/CONTRIBUTING.md does not list make %s", target)
	}
	for _, target := range found("`make ([a-z-]+)", contributing+readme) {
		if target != "prove-" {
			assert.True(t, strings.Contains(readAll(t, "Makefile"), "\n"+target+":"), "there is no make %s", target)
		}
	}
}

func TestComposePublishesOnThisMachineOnly(t *testing.T) {
	compose := readAll(t, "docker-compose.yml")
	published := found(`ports:\s+(?:- |\[)"([^"]+)"`, compose)
	require.NotEmpty(t, published)
	require.Len(t, published, strings.Count(compose, "ports:"))
	for _, port := range published {
		require.True(t, strings.HasPrefix(port, "127.0.0.1:"), port)
	}
}
