package sqlsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	jsonType   = "application/json"
	textType   = "text/plain; charset=utf-8"
	binaryType = "application/octet-stream"
)

var (
	errTTL         = errors.New("column _ttl is neither a number of seconds nor a duration like 90s")
	errTags        = errors.New("column _tags is neither an array of tags nor a list with commas")
	errVersion     = errors.New("column _version is not a number from 0 to 18446744073709551615")
	errContentType = errors.New("column _content_type is not a media type")
)

// value makes a row into a value of at most maxBytes.
func (l *layout) value(ctx context.Context, row []cell, maxBytes int64) (domain.Value, error) {
	var v domain.Value
	if err := l.describe(&v, row); err != nil {
		return domain.Value{}, err
	}
	cells := make([]cell, len(l.columns))
	for i, c := range l.columns {
		one := row[c.at]
		if c.json && one.kind == text {
			one.kind = document
		}
		var err error
		if cells[i], err = one.compact(); err != nil {
			return domain.Value{}, fmt.Errorf("%w (column %d)", err, c.at+1)
		}
	}
	size := l.size(cells)
	if size > maxBytes {
		return domain.Value{}, domain.ErrSourceTooLarge
	}
	if err := ports.Reserve(ctx, size); err != nil {
		return domain.Value{}, err
	}
	v.Body = l.body(cells, size)
	if v.ContentType == "" {
		v.ContentType = contentType(cells)
	}
	return v, nil
}

// bare reports whether the value is the only column itself, without JSON around it.
func bare(cells []cell) bool {
	return len(cells) == 1 && (cells[0].kind == text || cells[0].kind == blob)
}

func contentType(cells []cell) string {
	switch {
	case !bare(cells):
		return jsonType
	case cells[0].kind == blob:
		return binaryType
	}
	return textType
}

// size returns how many bytes body returns.
func (l *layout) size(cells []cell) int64 {
	switch {
	case bare(cells):
		return int64(len(cells[0].data))
	case len(cells) == 1:
		return int64(cells[0].jsonLen())
	}
	n := 1
	for i, c := range cells {
		n += len(l.columns[i].member) + c.jsonLen() + 1
	}
	return int64(n)
}

func (l *layout) body(cells []cell, size int64) string {
	switch {
	case bare(cells):
		return string(cells[0].data)
	case len(cells) == 1:
		return string(cells[0].appendJSON(nil))
	}
	out := make([]byte, 0, size)
	for i, c := range cells {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		out = append(append(out, before), l.columns[i].member...)
		out = c.appendJSON(out)
	}
	return string(append(out, '}'))
}

// describe sets what the special columns say.
func (l *layout) describe(v *domain.Value, row []cell) (err error) {
	if c := l.of(ttlColumn, row); c.kind != null {
		if v.TTL, err = ttlOf(string(c.data)); err != nil {
			return err
		}
	}
	if c := l.of(tagsColumn, row); c.kind != null {
		if v.Tags, err = tagsOf(c.data); err != nil {
			return err
		}
	}
	if c := l.of(versionColumn, row); c.kind != null {
		if v.Version, err = strconv.ParseUint(string(c.data), 10, 64); err != nil {
			return errVersion
		}
	}
	if c := l.of(typeColumn, row); c.kind != null {
		v.ContentType = string(c.data)
		if _, _, err = mime.ParseMediaType(v.ContentType); err != nil {
			return errContentType
		}
	}
	return nil
}

// ttlOf reads seconds or a duration as Go writes it. What is not above 0 is not fresh
// at all.
func ttlOf(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	d, err := time.ParseDuration(s)
	if seconds, notNumber := strconv.ParseFloat(s, 64); notNumber == nil && !math.IsNaN(seconds) {
		d, err = time.Duration(min(seconds, math.MaxInt32)*float64(time.Second)), nil
		if seconds <= 0 {
			d = 0
		}
	}
	switch {
	case err != nil:
		return 0, errTTL
	case d <= 0:
		return -1, nil
	}
	return d, nil
}

// tagsOf reads a JSON array, which arrays of PostgreSQL are by now, or a list with
// commas.
func tagsOf(data []byte) (domain.Tags, error) {
	list := strings.TrimSpace(string(data))
	var names []string
	if strings.HasPrefix(list, "[") {
		if json.Unmarshal([]byte(list), &names) != nil {
			return nil, errTags
		}
	} else {
		names = strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
	}
	tags, err := domain.ParseTags(names)
	if err != nil {
		return nil, errTags
	}
	return tags, nil
}
