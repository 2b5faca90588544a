package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// operationExamples are those of one operation.
type operationExamples struct {
	Request  any                       `json:"request"`
	Answers  map[string]map[string]any `json:"answers"`  // by status and media type
	Problems []string                  `json:"problems"` // names of variables in problem.go
}

// examplesIn reads the examples by path and method: "/data/{key} GET".
func examplesIn(file string) (all map[string]operationExamples, err error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// problem is one of those that the service answers with.
type problem struct {
	Type, Title, Detail string
	Status              int
}

// body is what a client gets.
func (p problem) body() map[string]any {
	body := map[string]any{"type": p.Type, "title": p.Title, "status": p.Status, "instance": "k3xq7a2mfd-1f"}
	if p.Detail != "" {
		body["detail"] = p.Detail
	}
	return body
}

// problemsIn reads the problems out of the source, so that the examples are what the
// service answers with.
func problemsIn(file string) (map[string]problem, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	statuses := map[string]int{}
	for status := 100; status < 600; status++ {
		statuses["Status"+strings.ReplaceAll(http.StatusText(status), " ", "")] = status
	}
	constants, all := map[string]string{}, map[string]problem{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
			return true
		}
		name := spec.Names[0].Name
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			constants[name] = text(value, nil)
		case *ast.CallExpr:
			if len(value.Args) == 4 {
				all[name] = problem{
					Type: constants["problemPrefix"] + text(value.Args[0], constants), Title: text(value.Args[2], constants), Detail: text(value.Args[3], constants),
					Status: statuses[value.Args[1].(*ast.SelectorExpr).Sel.Name],
				}
			}
		}
		return true
	})
	return all, nil
}

func text(e ast.Expr, constants map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.Ident:
		return constants[e.Name]
	}
	return ""
}
