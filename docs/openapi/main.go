// Program openapi makes the API description of what swag generates: OpenAPI 3 in place
// of Swagger 2, a scheme by which one types the bare token, and an example for each
// status. It runs at "make generate"; the service embeds the result and knows nothing
// of it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: openapi swagger.json problem.go examples.json openapi.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(swagger, problemsFile, examplesFile, to string) error {
	doc, err := converted(swagger)
	if err != nil {
		return err
	}
	problems, err := problemsIn(problemsFile)
	if err != nil {
		return err
	}
	all, err := examplesIn(examplesFile)
	if err != nil {
		return err
	}
	doc.Components.SecuritySchemes["Token"] = tokenScheme(doc.Components.SecuritySchemes["Token"].Value.Description)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if err := improve(operation, method, all[path+" "+strings.Replace(method, "HEAD", "GET", 1)], problems); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	if err := doc.Validate(context.Background()); err != nil {
		return err
	}
	body, err := ordered(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(to, body, 0o644)
}

func converted(swagger string) (*openapi3.T, error) {
	body, err := os.ReadFile(swagger)
	if err != nil {
		return nil, err
	}
	var old openapi2.T
	if err := json.Unmarshal(body, &old); err != nil {
		return nil, fmt.Errorf("%s: %w", swagger, err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", swagger, err)
	}
	doc.Tags = openapi3.Tags{{Name: "data", Description: "Reading and writing keys."}, {Name: "service", Description: "The state of this instance."}}
	doc.Servers = openapi3.Servers{{URL: "/", Description: "This service"}}
	return doc, nil
}

// tokenScheme is a scheme of which one types the token alone; Swagger 2 knows only the
// whole header.
func tokenScheme(description string) *openapi3.SecuritySchemeRef {
	return &openapi3.SecuritySchemeRef{Value: &openapi3.SecurityScheme{Type: "http", Scheme: "bearer", Description: description}}
}

// improve says what Swagger 2 cannot say of an operation.
func improve(o *openapi3.Operation, method string, examples operationExamples, problems map[string]problem) error {
	if o.Security == nil && o.Responses.Status(401) != nil { // a token is of use, but not always needed
		o.Security = &openapi3.SecurityRequirements{{}, {"Token": {}}}
	}
	for _, parameter := range o.Parameters {
		parameter.Value.Example = parameter.Value.Extensions["x-example"]
		delete(parameter.Value.Extensions, "x-example")
	}
	if method == "HEAD" {
		o.Summary += ", header only"
		for _, response := range o.Responses.Map() {
			response.Value.Content = nil
		}
		return nil
	}
	given := map[int]map[string]any{}
	for _, name := range examples.Problems {
		p, ok := problems[name]
		if !ok {
			return fmt.Errorf("there is no %s", name)
		}
		if given[p.Status] == nil {
			given[p.Status] = map[string]any{}
		}
		given[p.Status][p.Title] = p.body()
	}
	if o.RequestBody != nil && examples.Request != nil {
		o.RequestBody.Value.Content.Get("application/json").Example = examples.Request
	}
	return answers(o, examples.Answers, given)
}

// answers gives each status its media types and examples.
func answers(o *openapi3.Operation, bodies map[string]map[string]any, problems map[int]map[string]any) error {
	for code, response := range o.Responses.Map() {
		status, err := strconv.Atoi(code)
		if err != nil {
			return err
		}
		content := response.Value.Content
		switch {
		case len(content) == 0:
			continue
		case status >= 400:
			schema := content.Get("application/json").Schema
			response.Value.Content = openapi3.Content{"application/problem+json": exampleOf(schema, problems[status])}
			if problems[status] == nil {
				return fmt.Errorf("status %d has no example", status)
			}
			continue
		case bodies[code] == nil:
			return fmt.Errorf("status %d has no example", status)
		}
		schema := content.Get("application/json").Schema
		response.Value.Content = openapi3.Content{}
		for media, body := range bodies[code] {
			response.Value.Content[media] = &openapi3.MediaType{Example: body}
			if media == "application/json" {
				response.Value.Content[media].Schema = schema
			} else {
				response.Value.Content[media].Schema = openapi3.NewStringSchema().NewRef()
			}
		}
	}
	return nil
}

// exampleOf returns the media type with its only example, or with its examples by name.
func exampleOf(schema *openapi3.SchemaRef, bodies map[string]any) *openapi3.MediaType {
	shown := &openapi3.MediaType{Schema: schema}
	if len(bodies) > 1 {
		shown.Examples = openapi3.Examples{}
	}
	for name, body := range bodies {
		if len(bodies) == 1 {
			shown.Example = body
		} else {
			shown.Examples[name] = &openapi3.ExampleRef{Value: &openapi3.Example{Summary: name, Value: body}}
		}
	}
	return shown
}

// ordered writes the description with data first, and reading before writing, as pages
// show operations in the order in which they come.
func ordered(doc *openapi3.T) ([]byte, error) {
	order := []string{"/data/{key}", "/batch", "/purge", "/purge/debezium", "/warm", "/hot", "/explain/{key}", "/", "/health", "/ready", "/metrics"}
	paths := make(list, 0, len(order))
	for _, path := range order {
		operations, item := doc.Paths.Value(path).Operations(), list{}
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "HEAD"} {
			if operations[method] != nil {
				item = append(item, member{strings.ToLower(method), operations[method]})
			}
		}
		paths = append(paths, member{path, item})
		doc.Paths.Delete(path)
	}
	if left := doc.Paths.InMatchingOrder(); len(left) > 0 {
		return nil, fmt.Errorf("the order of paths lacks %q", left)
	}
	whole, err := json.MarshalIndent(list{
		{"openapi", doc.OpenAPI}, {"info", doc.Info}, {"servers", doc.Servers}, {"tags", doc.Tags}, {"paths", paths}, {"components", doc.Components},
	}, "", " ")
	return append(whole, '\n'), err
}

// list is an object whose members have an order.
type list []member

type member struct {
	name  string
	value any
}

func (l list) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, m := range l {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%c%q:%s", "{,"[min(i, 1)], m.name, value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
