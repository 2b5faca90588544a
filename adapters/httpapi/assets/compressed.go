package assets

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain/field"
)

// compressed is an embedded file that is held by gzip. Clients that take it so get it
// so; for others it is decompressed as they read it.
type compressed struct{ Vendored }

func (f compressed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	opened, err := Files.Open(f.Path())
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer func() { _ = opened.Close() }()
	content, etag := opened.(io.ReadSeeker), f.ETag()
	h := w.Header()
	header(h, f.Name)
	h["Vary"] = []string{"Accept-Encoding"}
	if takesGzip(r.Header["Accept-Encoding"]) {
		h["Content-Encoding"] = []string{"gzip"}
		etag = strings.TrimSuffix(etag, `"`) + `-gzip"` // another representation
	} else if content, err = decompressed(content); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h["Etag"] = []string{etag}
	// Ranges may be ignored. Many in one request would be decompressed one by one.
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	http.ServeContent(w, r, f.Name, time.Time{}, content)
}

// takesGzip reports whether an Accept-Encoding field has gzip (RFC 9110, section 12.5.3).
func takesGzip(lines []string) bool {
	taken, named := false, false
	for member := range field.Members(lines) {
		coding := strings.ToLower(field.Value(member))
		isGzip := coding == "gzip" || coding == "x-gzip"
		if isGzip || coding == "*" && !named {
			taken, named = acceptable(member), named || isGzip
		}
	}
	return taken
}

// acceptable reports whether the weight of a member is above 0.
func acceptable(member string) bool {
	for parameter := range field.Split(member, ';') {
		if name, argument, _, ok := field.Directive(parameter); ok && name == "q" {
			q, err := strconv.ParseFloat(argument, 64)
			return err == nil && q > 0
		}
	}
	return true
}

// inflating reads what gzip holds from the beginning, in some 40 kB of memory, however
// much that is.
type inflating struct {
	gzip.Reader
	from io.ReadSeeker
	size int64
}

func decompressed(from io.ReadSeeker) (io.ReadSeeker, error) {
	if _, err := from.Seek(-4, io.SeekEnd); err != nil {
		return nil, err
	}
	var size uint32 // of what was compressed (RFC 1952, section 2.3.1)
	err := binary.Read(from, binary.LittleEndian, &size)
	return &inflating{from: from, size: int64(size)}, err
}

// Seek knows the two places that http.ServeContent asks for where there are no ranges.
func (i *inflating) Seek(offset int64, whence int) (int64, error) {
	switch {
	case offset == 0 && whence == io.SeekEnd:
		return i.size, nil
	case offset == 0 && whence == io.SeekStart:
		if _, err := i.from.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		return 0, i.Reset(i.from)
	}
	return 0, errors.ErrUnsupported
}
