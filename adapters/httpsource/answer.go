package httpsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

const (
	// A connection whose answer was not read to the end is lost. Reading on in an
	// answer that is no value is worth this much.
	maxDrain  = 64 << 10
	drainTime = 100 * time.Millisecond
)

// answer is what the backend answered to a load.
type answer struct {
	*http.Response
	key   domain.Key
	held  domain.Validator // that the load began with
	began time.Time        // the load
}

// value reads an answer. What its head says is final, also if the time runs out
// over the rest. Only 200 comes with a value: 203 says that somebody on the way
// has changed it, and the other 2xx have none, or not the whole of it. cancel ends the
// request.
func (s *Source) value(ctx context.Context, a answer, cancel context.CancelFunc) (domain.Value, error) {
	switch {
	case a.StatusCode == http.StatusNotModified:
		return s.confirmed(a)
	case a.StatusCode != http.StatusOK:
		drain(a.Response, cancel)
		return domain.Value{}, causeOf(a.StatusCode)
	}
	if coding := codingOf(a.Header); coding != "" {
		return domain.Value{}, fmt.Errorf("%w: content coding %q was not asked for", domain.ErrSourceFailed, coding)
	}
	if a.ContentLength > s.opts.MaxBytes {
		return domain.Value{}, domain.ErrSourceTooLarge
	}
	body, err := s.read(ctx, a.Response)
	if err != nil {
		return domain.Value{}, err
	}
	v := s.said(a)
	v.Body, v.ContentType = body, a.Header.Get("Content-Type")
	return v, nil
}

// said returns what the header of an answer says of the value. The validator of what
// another URL redirected to is not kept: the next load begins at the first URL, which
// may answer by itself and would compare it with a validator of its own.
func (s *Source) said(a answer) domain.Value {
	var v domain.Value
	now := time.Now()
	v.TTL, v.NoStore = freshness(a.Header, now.Sub(a.began), now)
	if a.Request.Response == nil {
		v.Validator = validatorOf(a.Header, now)
	}
	tags, err := tagsOf(a.Header)
	v.Tags, v.TagsUnknown = tags, err != nil
	if err != nil && s.opts.TagsRefused != nil {
		s.opts.TagsRefused(a.key, err)
	}
	return v
}

// causeOf says what a status without a value means.
func causeOf(status int) error {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return domain.ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusUnavailableForLegalReasons:
		return domain.ErrWithdrawn
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return domain.ErrSourceBusy
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
	return max(0, at.Sub(dateOf(h, time.Now())))
}

// read returns the whole body, whose announced length, if any, is allowed. The
// memory for a large one is reserved before it is taken.
func (s *Source) read(ctx context.Context, resp *http.Response) (string, error) {
	if resp.ContentLength < 0 {
		return s.readUnknown(ctx, resp.Body)
	}
	if err := ports.Reserve(ctx, resp.ContentLength); err != nil {
		return "", err
	}
	var body strings.Builder
	body.Grow(int(resp.ContentLength))
	_, err := io.Copy(&body, resp.Body)
	return body.String(), err
}

// readUnknown reads a body of unknown length. The value, which may be kept, has no
// more memory than it needs.
func (s *Source) readUnknown(ctx context.Context, from io.Reader) (string, error) {
	var small bytes.Buffer
	_, err := io.CopyN(&small, from, min(ports.LargeBytes, s.opts.MaxBytes+1))
	if err == nil && int64(small.Len()) <= s.opts.MaxBytes {
		return s.readLarge(ctx, io.MultiReader(&small, from))
	}
	return s.whole(&small, err)
}

// readLarge reads what is too large to be read without a reservation.
func (s *Source) readLarge(ctx context.Context, from io.Reader) (string, error) {
	if err := ports.Reserve(ctx, s.opts.MaxBytes); err != nil {
		return "", err
	}
	var large bytes.Buffer
	_, err := io.Copy(&large, io.LimitReader(from, s.opts.MaxBytes+1))
	return s.whole(&large, err)
}

func (s *Source) whole(body *bytes.Buffer, err error) (string, error) {
	switch {
	case int64(body.Len()) > s.opts.MaxBytes:
		return "", domain.ErrSourceTooLarge
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
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
