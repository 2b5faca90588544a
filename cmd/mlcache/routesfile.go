package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// routesFile reads a file of routes. Its errors are one line that begins with the
// place in the file and shows no secret.
type routesFile struct {
	name     string
	settings Config // of the program

	lines map[string]int // of the settings of the route that is read, by their flags
}

func (f *routesFile) read(text []byte) ([]routeConfig, error) {
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, f.syntax(err)
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return nil, fmt.Errorf("%s: want one document with routes", f.name)
	}
	var routes []routeConfig
	err = f.each(parsed.Docs[0].Body, func(key string, value ast.Node) error {
		list, ok := value.(*ast.SequenceNode)
		if key != "routes" || !ok || len(list.Values) == 0 {
			return f.at(value, "%s is not allowed here, want routes and a list of them", key)
		}
		for _, node := range list.Values {
			route, err := f.route(node)
			if err != nil {
				return err
			}
			for _, known := range routes {
				if known.prefix == route.prefix {
					return f.at(node, "the prefix %q has a route already", route.prefix)
				}
				if known.name == route.name {
					return f.at(node, "the name %q has a route already", route.name)
				}
			}
			routes = append(routes, route)
		}
		return nil
	})
	return routes, err
}

// syntax makes one line of an error of the parser, which quotes the file.
func (f *routesFile) syntax(err error) error {
	if bad := yaml.Error(nil); errors.As(err, &bad) {
		return fmt.Errorf("%s:%d: it is not YAML: %s", f.name, bad.GetToken().Position.Line, bad.GetMessage())
	}
	return fmt.Errorf("%s: it is not YAML", f.name)
}

// at returns an error with the place of a node.
func (f *routesFile) at(node ast.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{f.name, node.GetToken().Position.Line}, args...)...)
}

// each calls do for each pair of a mapping.
func (f *routesFile) each(node ast.Node, do func(key string, value ast.Node) error) error {
	pairs, ok := node.(ast.MapNode)
	if !ok {
		return f.at(node, "want settings such as ttl: 30s")
	}
	for pair := pairs.MapRange(); pair.Next(); {
		if err := do(pair.Key().GetToken().Value, pair.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (f *routesFile) route(node ast.Node) (routeConfig, error) {
	r := routeConfig{Config: f.settings, name: "default"}
	r.at = fmt.Sprintf("%s:%d", f.name, node.GetToken().Position.Line)
	f.lines = make(map[string]int)
	named, sourced := false, false
	err := f.each(node, func(key string, value ast.Node) (err error) {
		switch key {
		case "prefix":
			r.prefix, err = f.text(value)
		case "name":
			named = true
			r.name, err = f.text(value)
		case flagSource:
			sourced = true
			err = f.each(value, func(key string, value ast.Node) error { return f.set(&r.Config, sourceSettings, key, value) })
		case "changes":
			err = f.each(value, func(key string, value ast.Node) error { return f.set(&r.Config, changesSettings, key, value) })
			if _, bad := r.template(); err == nil && bad != nil {
				err = f.at(value, "changes: %w", bad)
			}
		default:
			err = f.set(&r.Config, routeSettings, key, value)
		}
		return err
	})
	if !named && r.prefix != "" {
		r.name = r.prefix
	}
	switch {
	case err != nil:
		return r, err
	case !sourced:
		return r, f.at(node, "the route has no source, want one such as {type: http, url: \"https://…/{key}\"}")
	case !utf8.ValidString(r.prefix) || !utf8.ValidString(r.name) || r.name == "":
		return r, f.at(node, "the prefix or the name is not allowed, want text")
	}
	return r, f.check(node, &r.Config)
}

// set sets what key names.
func (f *routesFile) set(c *Config, settings map[string]routeSetting, key string, value ast.Node) error {
	setting, ok := settings[key]
	if !ok {
		names := slices.Collect(maps.Keys(settings))
		if _, isSource := settings["type"]; !isSource {
			names = append(names, "prefix", "name", flagSource, "changes")
		}
		return f.at(value, "%q is not a setting here, did you mean %s?", key, nearest(key, names))
	}
	text, err := f.text(value)
	if err != nil {
		return err
	}
	if setting.flag != "" {
		f.lines[setting.flag] = value.GetToken().Position.Line
	}
	if err := setting.set(c, text); err != nil {
		return f.at(value, "%s: %w", key, err)
	}
	return nil
}

// text returns a scalar, with the variables of the environment that it names.
func (f *routesFile) text(node ast.Node) (string, error) {
	var text string
	switch scalar := node.(type) {
	case *ast.StringNode:
		text = scalar.Value
	case *ast.LiteralNode:
		text = strings.TrimSpace(scalar.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		text = scalar.GetToken().Value
	default:
		return "", f.at(node, "want a text or a number")
	}
	var unset string
	text = variable.ReplaceAllStringFunc(text, func(reference string) string {
		name := reference[2 : len(reference)-1]
		value, set := os.LookupEnv(name)
		if !set {
			unset = name
		}
		return value
	})
	if unset != "" {
		return "", f.at(node, "the environment has no variable %s", unset)
	}
	return text, nil
}

// variable matches ${NAME}.
var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// check applies the rules that all settings have.
func (f *routesFile) check(node ast.Node, c *Config) error {
	err := c.completeSource()
	if err == nil {
		err = c.broken()
	}
	if err == nil {
		return nil
	}
	return f.explain(node, err)
}

// explain gives an error of a setting its place and its name in the file.
func (f *routesFile) explain(node ast.Node, err error) error {
	wrong, ok := errors.AsType[settingError](err)
	if !ok {
		return f.at(node, "%w", err)
	}
	line := node.GetToken().Position.Line
	if known, ok := f.lines[wrong.flag]; ok {
		line = known
	}
	name := wrong.flag
	for key, setting := range routeSettings {
		if setting.flag == wrong.flag {
			name = key
		}
	}
	for key, setting := range sourceSettings {
		if setting.flag == wrong.flag {
			name = "source " + key
		}
	}
	return fmt.Errorf("%s:%d: %s: %w", f.name, line, name, wrong.reason)
}
