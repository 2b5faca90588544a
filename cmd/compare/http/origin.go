package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// site is an HTTP server in this process. Its user closes it.
type site struct {
	server *http.Server
	addr   string
	done   sync.WaitGroup
}

func newSite(ctx context.Context, h http.Handler) (*site, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", process.Loopback)
	if err != nil {
		return nil, err
	}
	s := &site{server: &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}, addr: listener.Addr().String()}
	s.done.Go(func() { _ = s.server.Serve(listener) }) // ends by close only
	return s, nil
}

func (s *site) url() string { return "http://" + s.addr }

func (s *site) close() error {
	err := s.server.Close()
	s.done.Wait()
	return err
}

const (
	// slowPrefix begins the keys that take long.
	slowPrefix = "slow-"
	slowDelay  = time.Second
)

// origin is where the servers get values from. It counts what it is asked.
type origin struct{ quick, slow atomic.Int64 }

// ServeHTTP answers with the value of the key at the end of the path.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := path.Base(r.URL.Path)
	if strings.HasPrefix(key, slowPrefix) {
		o.slow.Add(1)
		select {
		case <-time.After(slowDelay):
		case <-r.Context().Done():
			return
		}
	} else {
		o.quick.Add(1)
	}
	body := valueOf(key)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body) // who is gone needs no answer
}

// sink takes traces and counts in how many requests they came.
type sink struct{ got atomic.Int64 }

// ServeHTTP takes everything. No content is an empty message of protobuf: all
// spans were accepted.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	s.got.Add(1)
	w.Header().Set("Content-Type", "application/x-protobuf")
}
