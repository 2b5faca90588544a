package httpsource

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	// A connection whose answer was not read to the end is lost. Reading on in an
	// answer that is no value is worth this much.
	maxDrain  = 64 << 10
	drainTime = 100 * time.Millisecond
)

// value reads an answer. What its head says is final, also if the time runs out
// over the rest. Only 200 comes with a value: 203 says that somebody on the way
// has changed it, and the other 2xx have none, or not the whole of it. cancel ends the
// request.
func (s *Source) value(resp *http.Response, cancel context.CancelFunc) (domain.Value, error) {
	if resp.StatusCode != http.StatusOK {
		drain(resp, cancel)
		return domain.Value{}, causeOf(resp.StatusCode)
	}
	if coding := codingOf(resp.Header); coding != "" {
		return domain.Value{}, fmt.Errorf("%w: content coding %q was not asked for", domain.ErrSourceFailed, coding)
	}
	if resp.ContentLength > s.opts.MaxBytes {
		return domain.Value{}, domain.ErrSourceTooLarge
	}
	body, err := s.read(resp)
	if err != nil {
		return domain.Value{}, err
	}
	return domain.Value{Body: body, ContentType: resp.Header.Get("Content-Type")}, nil
}

// causeOf says what a status without a value means.
func causeOf(status int) error {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return domain.ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusUnavailableForLegalReasons:
		return domain.ErrWithdrawn
	}
	return domain.ErrSourceFailed
}

// codingOf returns a content coding that the body has, or "".
func codingOf(h http.Header) string {
	for _, line := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return coding
			}
		}
	}
	return ""
}

// retryAfter returns for how long the source does not want to be asked (RFC 9110,
// section 10.2.3), or 0. A time of day is compared with that of the source's own
// clock, if it tells.
func retryAfter(h http.Header) time.Duration {
	given := h.Get("Retry-After")
	if n, err := strconv.ParseUint(given, 10, 64); err == nil {
		return time.Duration(min(n, uint64(domain.MaxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(given)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}

// read returns the whole body, whose announced length, if any, is allowed.
func (s *Source) read(resp *http.Response) (string, error) {
	var body strings.Builder
	body.Grow(int(max(0, resp.ContentLength)))
	n, err := io.Copy(&body, io.LimitReader(resp.Body, s.opts.MaxBytes+1))
	switch {
	case n > s.opts.MaxBytes:
		return "", domain.ErrSourceTooLarge
	case err != nil:
		return "", err
	case body.Cap()-body.Len() > body.Len()/4:
		// Of unknown length, it grew too far. The value may be held for long.
		return strings.Clone(body.String()), nil
	}
	return body.String(), nil
}

// drain reads what an answer without a value has to say, within reason, since
// only a connection that was read to the end is used again. After a switch of
// protocols it is not HTTP any more, and the end of the request does not end it.
func drain(resp *http.Response, cancel context.CancelFunc) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	defer time.AfterFunc(drainTime, cancel).Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
}
