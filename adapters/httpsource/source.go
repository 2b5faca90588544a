// Package httpsource makes a source of any REST backend: the value of a key is
// the body that the backend answers to GET at the key's URL.
//
// A key is always sent as one path segment or one query value. What a backend
// makes of it is its own affair: one that decodes %2F or %2E before it resolves
// the path (nginx with a rewritten URI does) should get its key in the query.
//
// The package knows nothing of caching: it retries nothing (net/http alone
// repeats a request that met a connection closed while idle), ignores caching
// headers, and remembers nothing but idle connections.
package httpsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Source = (*Source)(nil)

// Source loads values over HTTP. Close it when it is no longer used.
type Source struct {
	opts   Options
	target template
	client *http.Client
}

// New returns a source for the backend that opts describe. It connects to
// nothing yet.
func New(opts Options) (*Source, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	target, err := parseTemplate(opts.URL)
	if err != nil {
		return nil, err
	}
	opts.MaxBytes = min(opts.MaxBytes, math.MaxInt64-1) // so that read can count one beyond
	return &Source{opts: opts, target: target, client: newClient(opts)}, nil
}

// Close closes the connections that are idle. Loads under way go on.
func (s *Source) Close() { s.client.CloseIdleConnections() }

// Load asks the backend for the value of key. Beside what ports.Source says, a
// failure wraps domain.ErrTimeout when the time was up, the cause of ctx when
// that was cancelled, and else domain.ErrSourceFailed, for a body beyond
// Options.MaxBytes with domain.ErrTooLarge.
func (s *Source) Load(ctx context.Context, key domain.Key) (domain.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	req, err := s.request(ctx, key)
	if err != nil {
		return domain.Value{}, translate(ctx, err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return domain.Value{}, translate(ctx, err)
	}
	defer resp.Body.Close()
	v, err := s.value(ctx, resp)
	if err != nil {
		return domain.Value{}, translate(ctx, err)
	}
	return v, nil
}

func (s *Source) request(ctx context.Context, key domain.Key) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.target.fill(key), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "multi-layer-cache")
	req.Header.Set("Accept", "*/*")
	// Unencoded bodies come with their length: it tells when one is cut short.
	req.Header.Set("Accept-Encoding", "identity")
	if u := s.target.user; u != nil {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	return req, nil
}

// value reads an answer. What its head says is final: it is a failure of the
// source, or an absence, although the time may run out over the rest.
func (s *Source) value(ctx context.Context, resp *http.Response) (domain.Value, error) {
	coding := resp.Header.Get("Content-Encoding")
	switch {
	case resp.StatusCode == http.StatusNotFound:
		drain(resp.Body)
		return domain.Value{}, domain.ErrNotFound
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		drain(resp.Body)
		return domain.Value{}, fmt.Errorf("%w: status %d", domain.ErrSourceFailed, resp.StatusCode)
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return domain.Value{}, fmt.Errorf("%w: content encoding %q was not asked for", domain.ErrSourceFailed, coding)
	case resp.ContentLength > s.opts.MaxBytes:
		return domain.Value{}, errTooLarge()
	}
	body, err := s.read(ctx, resp)
	if err != nil {
		return domain.Value{}, err
	}
	return domain.Value{Body: body, ContentType: resp.Header.Get("Content-Type")}, nil
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
		return "", errTooLarge()
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	}
	return body.String(), nil
}

func errTooLarge() error { return fmt.Errorf("%w: %w", domain.ErrSourceFailed, domain.ErrTooLarge) }

// drain reads what an error answer has to say, within reason, since only a
// connection that was read to the end is used again.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, 64<<10) }

// translate says in the words of the domain why a load failed.
func translate(ctx context.Context, err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, domain.ErrNotFound), errors.Is(err, domain.ErrSourceFailed), errors.Is(err, domain.ErrOverloaded):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", domain.ErrTimeout, context.Cause(ctx))
	case ctx.Err() != nil:
		return fmt.Errorf("load given up: %w", context.Cause(ctx))
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", domain.ErrTimeout, withoutURL(err))
	}
	return fmt.Errorf("%w: %w", domain.ErrSourceFailed, withoutURL(err))
}
