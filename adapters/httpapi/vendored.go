package httpapi

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// cdn has every file of every npm package.
const cdn = "https://cdn.jsdelivr.net/npm/"

// vendored is a file of another project, pinned in assets/vendored.txt.
type vendored struct {
	name     string // without folders
	sum      []byte // SHA-256
	remote   string // its URL at the CDN
	embedded bool   // "make assets" had fetched it
}

// pinned returns the files of assets/vendored.txt by name. The list is embedded, and
// so is what it says.
func pinned() map[string]vendored {
	all := map[string]vendored{}
	for line := range strings.Lines(asset("vendored.txt")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var sum, pkg, file string
		if _, err := fmt.Sscan(line, &sum, &pkg, &file); err != nil {
			panic(fmt.Errorf("assets/vendored.txt: %q: %w", line, err))
		}
		v := vendored{name: path.Base(file), remote: cdn + pkg + "/" + file}
		v.sum, _ = hex.DecodeString(sum)
		_, err := fs.Stat(assets, v.path())
		v.embedded = err == nil
		all[v.name] = v
	}
	return all
}

// path is where the file is among the assets if it is embedded.
func (v vendored) path() string { return "assets/vendored/" + v.name }

// integrity is what a browser compares the file with (Subresource Integrity).
func (v vendored) integrity() string { return "sha256-" + base64.StdEncoding.EncodeToString(v.sum) }

func (v vendored) etag() string { return `"` + hex.EncodeToString(v.sum[:16]) + `"` }
