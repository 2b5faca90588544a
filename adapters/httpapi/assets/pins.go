package assets

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// cdn has every file of every npm package.
const cdn = "https://cdn.jsdelivr.net/npm/"

// Vendored is a file of another project, pinned in vendored.txt.
type Vendored struct {
	Name     string // without folders
	Embedded bool   // "make assets" had fetched it
	sum      []byte // SHA-256
	remote   string // its URL at the CDN
}

// Pinned returns the files of vendored.txt by name. The list is embedded, and so is
// what it says.
func Pinned() map[string]Vendored {
	all := map[string]Vendored{}
	for line := range strings.Lines(read("vendored.txt")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var sum, pkg, file string
		if _, err := fmt.Sscan(line, &sum, &pkg, &file); err != nil {
			panic(fmt.Errorf("assets/vendored.txt: %q: %w", line, err))
		}
		v := Vendored{Name: path.Base(file), remote: cdn + pkg + "/" + file}
		v.sum, _ = hex.DecodeString(sum)
		_, err := fs.Stat(Files, v.Path())
		v.Embedded = err == nil
		all[v.Name] = v
	}
	return all
}

// Path is where the file is among Files if it is embedded, compressed by gzip.
func (v Vendored) Path() string { return "vendored/" + v.Name + ".gz" }

// ETag is the entity tag of the file, quotes included.
func (v Vendored) ETag() string { return `"` + hex.EncodeToString(v.sum[:16]) + `"` }

// Handler answers with the file.
func (v Vendored) Handler() http.Handler { return compressed{v} }

// integrity is what a browser compares the file with (Subresource Integrity).
func (v Vendored) integrity() string { return "sha256-" + base64.StdEncoding.EncodeToString(v.sum) }
