package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The programs of others that are started, by the name of their file.
const (
	toolNginx   = "nginx"
	toolVarnish = "varnishd"
	toolRedis   = "redis-server"
	toolWrk     = "wrk"
	toolTaskset = "taskset"
)

// packages are the Debian packages of the tools.
func packages() map[string]string {
	return map[string]string{
		toolNginx: "nginx-light", toolVarnish: "varnish", toolRedis: "redis-server", toolWrk: "wrk", toolTaskset: "util-linux",
	}
}

// toolset is where the tools are, by name; those that are missing are not in it.
type toolset map[string]string

func findTools() toolset {
	found := toolset{}
	for name := range packages() {
		if path := findTool(name); path != "" {
			found[name] = path
		}
	}
	return found
}

// findTool looks into the folders of daemons as well, which not all users have
// in their PATH.
func findTool(name string) string {
	for _, file := range []string{name, filepath.Join("/usr/local/sbin", name), filepath.Join("/usr/sbin", name)} {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	return ""
}

func missingTool(name string) string {
	return fmt.Sprintf("no %s in PATH (Debian: apt-get install %s)", name, packages()[name])
}

// able returns the subjects that can be measured, and a line for each of the
// others that says what is missing.
func (t toolset) able(chosen []subject) ([]subject, string) {
	var able []subject
	var missing strings.Builder
	for _, s := range chosen {
		if s.needs == "" || t[s.needs] != "" {
			able = append(able, s)
			continue
		}
		fmt.Fprintf(&missing, "Left out: %s: %s\n", s.name, missingTool(s.needs))
	}
	return able, missing.String()
}

// versions returns the tools with what they say of their version.
func (t toolset) versions(ctx context.Context) (all []string) {
	ask := map[string]string{toolNginx: "-v", toolVarnish: "-V", toolRedis: "--version", toolWrk: "-v"}
	for name, option := range ask {
		if t[name] == "" {
			continue
		}
		said, _ := exec.CommandContext(ctx, t[name], option).CombinedOutput() // wrk fails when asked
		all = append(all, name+" "+versionIn(string(said)))
	}
	slices.Sort(all)
	return all
}

func versionIn(said string) string {
	if v := regexp.MustCompile(`\d+\.\d+(\.\d+)?`).FindString(said); v != "" {
		return v
	}
	return "of unknown version"
}
