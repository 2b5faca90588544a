package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// readMessage returns the bytes of the next value of the Redis protocol (RESP2 and
// RESP3: redis.io/docs/latest/develop/reference/protocol-spec), nested ones whole.
func readMessage(r *bufio.Reader) ([]byte, error) {
	var message bytes.Buffer
	for values := 1; values > 0; values-- {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		message.Write(line)
		n, err := length(line)
		if err != nil {
			return nil, err
		}
		switch line[0] {
		case '$', '=', '!': // so many bytes
			if n >= 0 {
				if _, err := io.CopyN(&message, r, int64(n)+2); err != nil {
					return nil, err
				}
			}
		case '*', '~', '>': // so many values
			values += max(0, n)
		case '%': // so many pairs
			values += 2 * n
		case '|': // so many pairs, and then the value that they are about
			values += 2*n + 1
		}
	}
	return message.Bytes(), nil
}

// length returns the number that announces what follows, or 0.
func length(line []byte) (int, error) {
	if len(line) < 3 {
		return 0, fmt.Errorf("%q is not RESP", line)
	}
	if !bytes.ContainsAny(line[:1], "$=!*~>%|") {
		return 0, nil
	}
	return strconv.Atoi(string(bytes.TrimSpace(line[1:])))
}
