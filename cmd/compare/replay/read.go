package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// The formats of traces, as -format calls them.
const (
	formatAuto  = "auto"
	formatLines = "lines"
	formatARC   = "arc"
)

const (
	// maxLine is the longest line that is taken for a key and not for a file of
	// another kind, in bytes.
	maxLine = 1 << 20
	// maxCount is the most requests that one line may stand for: enough for 8 TB
	// in pages of 512 bytes, and too few to fill the memory by a slip.
	maxCount = 1 << 24
	// maxRequests is within what trace.Optimal can number, and 16 GB.
	maxRequests = math.MaxInt32
)

// read returns the requests of a text that is called name. Its errors begin
// with the name and, where a line is to blame, the number of the line.
func read(name string, text io.Reader, format string) (requests []uint64, err error) {
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	keys, number := make(interner), 0
	for lines.Scan() {
		number++
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if format == formatAuto {
			format = detect(line)
		}
		if format == formatARC {
			requests, err = appendBlocks(requests, line)
		} else {
			requests = append(requests, keys.id(line))
		}
		if err == nil && len(requests) > maxRequests {
			err = fmt.Errorf("more than %d requests", maxRequests)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: the line has more than %d bytes", name, number+1, maxLine)
	case err != nil:
		return nil, fmt.Errorf("%s: after line %d: %w", name, number, err)
	}
	return requests, nil
}

// detect tells the format by the first line: arc if it is four numbers.
func detect(line []byte) string {
	fields := bytes.Fields(line)
	for _, field := range fields {
		if _, err := parseNumber(field); err != nil {
			return formatLines
		}
	}
	if len(fields) != 4 {
		return formatLines
	}
	return formatARC
}

// appendBlocks appends what a line "start count ignored request" stands for.
// The last two need not be there; nothing looks at them.
func appendBlocks(requests []uint64, line []byte) ([]uint64, error) {
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return nil, fmt.Errorf("%q is not \"start count ignored request\"", shorten(line))
	}
	start, err := parseNumber(fields[0])
	if err != nil {
		return nil, fmt.Errorf("the start %q is not a whole number", shorten(fields[0]))
	}
	count, err := parseNumber(fields[1])
	if err != nil || count > maxCount {
		return nil, fmt.Errorf("the count %q is not a whole number up to %d", shorten(fields[1]), maxCount)
	}
	if start > math.MaxUint64-count {
		return nil, fmt.Errorf("start %d and count %d exceed 64 bits", start, count)
	}
	for id := start; id < start+count; id++ {
		requests = append(requests, id)
	}
	return requests, nil
}

func parseNumber(field []byte) (uint64, error) { return strconv.ParseUint(string(field), 10, 64) }

// shorten makes text fit into an error of one line.
func shorten(text []byte) []byte { return text[:min(len(text), 60)] }

// interner numbers keys in the order in which they appear.
type interner map[string]uint64

func (k interner) id(key []byte) uint64 {
	id, ok := k[string(key)]
	if !ok {
		id = uint64(len(k))
		k[string(key)] = id
	}
	return id
}
