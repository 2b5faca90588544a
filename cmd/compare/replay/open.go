package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// open returns the requests of a file, - being stdin, which must have one. Its
// errors name the file.
func open(file, format string, stdin io.Reader) ([]uint64, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
				err = pathErr.Err
			}
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		defer f.Close()
		in = f
	}
	text, err := decompress(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer text.Close()
	requests, err := read(file, text, format)
	if err == nil && len(requests) == 0 {
		err = fmt.Errorf("%s: it holds no requests", file)
	}
	return requests, err
}

// decompress undoes the compression that the first bytes announce, if any.
func decompress(in io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	magic, err := buffered.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return r, nil
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		r, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return r.IOReadCloser(), nil
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		r, err := xz.NewReader(buffered)
		if err != nil {
			return nil, err // says xz itself
		}
		return io.NopCloser(r), nil
	}
	return io.NopCloser(buffered), nil
}
