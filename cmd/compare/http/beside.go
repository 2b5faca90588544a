package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// fetch returns the body and the header of an answer, which must be a 200.
func fetch(ctx context.Context, client *http.Client, url string) (body string, h http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("%s is %s: %.200s", url, resp.Status, read)
	}
	return string(read), resp.Header, nil
}

// newClient has nothing in common with others. Its user closes its idle
// connections.
func newClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
}

// scrape asks for the metrics as Prometheus does, at once and then each second.
func scrape(ctx context.Context, url string) error {
	client := newClient(1)
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		_, _, err := fetch(ctx, client, url+"/metrics?format=prometheus")
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// slowKeys are under way at any time.
const slowKeys = 1000

// loadSlowly has so many clients ask for keys that are not there, each for
// another one as soon as it has its answer. They begin one after the other, over
// a second, so that the loads do not end all at once.
func loadSlowly(ctx context.Context, url string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := newClient(slowKeys)
	defer client.CloseIdleConnections()
	var last atomic.Int64
	var clients sync.WaitGroup
	for n := range slowKeys {
		clients.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(n) * time.Second / slowKeys):
			}
			for ctx.Err() == nil {
				key := fmt.Sprintf("%s%d", slowPrefix, last.Add(1))
				body, _, err := fetch(ctx, client, url+prefix+key)
				switch {
				case ctx.Err() != nil:
				case err != nil:
					cancel(err)
				case body != valueOf(key):
					cancel(fmt.Errorf("%s is %q", key, body))
				}
			}
		})
	}
	clients.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// alongside does something while what the subject has beside it goes on, whose
// failure ends it.
func alongside(ctx context.Context, s subject, url string, do func(context.Context) error) error {
	if s.beside == nil {
		return do(ctx)
	}
	doing, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	besides, end := context.WithCancel(ctx)
	var other sync.WaitGroup
	other.Go(func() {
		if err := s.beside(besides, url); err != nil {
			failed(err)
		}
	})
	err := do(doing)
	end()
	other.Wait()
	if err == nil {
		err = context.Cause(doing)
	}
	return err
}
