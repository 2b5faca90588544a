package main

import "strings"

const (
	valueBytes  = 200
	contentType = "application/json"
	// hotKey is the key that is asked for, unless there are several.
	hotKey = "hot"
	// prefix stands before the key in the paths of all servers.
	prefix = "/data/"
)

// valueOf returns the value of a key, JSON of valueBytes.
func valueOf(key string) string {
	head, end := `{"key":"`+key+`","value":"`, `"}`
	return head + strings.Repeat("x", valueBytes-len(head)-len(end)) + end
}
