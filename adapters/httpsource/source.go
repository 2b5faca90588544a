// Package httpsource makes a source of any REST backend: the value of a key is
// the body that the backend answers to GET at the key's URL.
//
// A key is always sent as one path segment or one query value. Many backends
// decode the path before they resolve it, so keys with dot segments, which would
// lead out of the configured path, are refused where the key stands in the path.
//
// What the backend says about caching comes with the value: how long it is fresh, by
// Cache-Control and Expires; a validator, by ETag and Last-Modified, with which a later
// load asks whether the value has changed; tags, by Surrogate-Key and Cache-Tag. What
// becomes of that is not decided here: the package sends each request once and
// remembers nothing but idle connections.
package httpsource

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.Source = (*Source)(nil)

// Source loads values over HTTP. Close it when it is no longer used.
type Source struct {
	opts   Options
	target template
	conns  *connections
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
	s := &Source{opts: opts, target: target, conns: newConnections(opts.MaxConns)}
	s.client = &http.Client{Transport: s.conns, CheckRedirect: s.checkRedirect}
	return s, nil
}

// Close closes the connections that are idle. Loads under way go on.
func (s *Source) Close() { s.conns.close() }

// Check returns an error that wraps domain.ErrInvalidKey if key, as a part of the
// path of Options.URL, could lead out of that.
func (s *Source) Check(key domain.Key) error { return s.target.check(key) }

// Load asks the backend for the value of key. Beside what ports.Source says, a
// failure wraps domain.ErrTimeout when the time was up, the cause of ctx when
// that was cancelled, domain.ErrWithdrawn, domain.ErrSourceTooLarge for a body
// beyond Options.MaxBytes, and else domain.ErrSourceFailed. Once the backend has
// answered, it is a domain.SourceError. A key that Check refuses is not sent.
//
// A value whose tags are invalid or too many is returned with TagsUnknown, not with
// those that can be read: kept without the others, it would survive their purge. It is
// better loaded each time, and Options.TagsRefused is told.
func (s *Source) Load(ctx context.Context, key domain.Key, held domain.Validator) (domain.Value, error) {
	if err := s.Check(key); err != nil {
		return domain.Value{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	began := time.Now()
	req, err := s.request(ctx, key, held)
	if err != nil {
		return domain.Value{}, translate(ctx, err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return domain.Value{}, failed(ctx, resp, err) // resp is there when a redirect is not followed
	}
	defer resp.Body.Close()
	v, err := s.value(ctx, answer{resp, key, held, began}, cancel)
	if err != nil && !errors.Is(err, domain.ErrNotModified) {
		return domain.Value{}, failed(ctx, resp, err)
	}
	return v, err
}

// failed adds what the backend answered, if it did, to the reason of a failure.
func failed(ctx context.Context, resp *http.Response, err error) error {
	err = translate(ctx, err)
	if resp == nil {
		return err
	}
	return &domain.SourceError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header), Err: err}
}

func (s *Source) request(ctx context.Context, key domain.Key, held domain.Validator) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.target.fill(key), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "multi-layer-cache")
	req.Header.Set("Accept", "*/*")
	// Unencoded bodies come with their length: it tells when one is cut short.
	req.Header.Set("Accept-Encoding", "identity")
	condition(req.Header, held)
	if u := s.target.user; u != nil {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	return req, nil
}

// translate says in the words of the domain why a load failed.
func translate(ctx context.Context, err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, domain.ErrNotFound), errors.Is(err, domain.ErrOverloaded), domain.IsLoadFailure(err):
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
