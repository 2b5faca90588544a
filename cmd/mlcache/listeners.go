package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
)

// adminConnections is how many connections to the admin address are open at once, at
// most. What clients do at the other address leaves these to those that run the service.
const adminConnections = 128

// door is an address at which the service is served.
type door struct {
	tcp     net.Listener
	limited *httpapi.Listener
	server  *http.Server
}

// doors are all of them, the public one first.
type doors []door

// openDoors listens at each address. No request is answered before serve.
func openDoors(ctx context.Context, api *httpapi.API, cfg Config, log *slog.Logger) (opened doors, err error) {
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	o := httpapi.ListenerOptions{MaxConnections: cfg.MaxConnections, WriteTimeout: cfg.RequestTimeout, Logger: log}
	if o.TLS, err = certified(cfg, log); err != nil {
		return nil, err
	}
	public, err := openDoor(ctx, flagAddr, cfg.Addr, api, o, cfg, log)
	if err != nil || cfg.AdminAddr == "" {
		return append(opened, public), err
	}
	opened = append(opened, public)
	o.MaxConnections = adminConnections
	admin, err := openDoor(ctx, flagAdminAddr, cfg.AdminAddr, api.Admin(), o, cfg, log)
	return append(opened, admin), err
}

func openDoor(ctx context.Context, flag, addr string, h http.Handler, o httpapi.ListenerOptions, cfg Config, log *slog.Logger) (door, error) {
	tcp, err := (&net.ListenConfig{Control: bounded}).Listen(ctx, "tcp", addr)
	if err != nil {
		return door{}, settingError{flag, fmt.Errorf("cannot listen on %q: %w", addr, err)}
	}
	return door{tcp, httpapi.Listen(tcp, o), newServer(h, cfg, log)}, nil
}

// certified returns nil where no certificate is given.
func certified(cfg Config, log *slog.Logger) (*tls.Config, error) {
	if cfg.TLSCert == "" {
		return nil, nil
	}
	certificate, err := httpapi.NewCertificate(cfg.TLSCert, cfg.TLSKey, log)
	if err != nil {
		return nil, refused("tls-cert", fmt.Errorf("it cannot be used with MLCACHE_TLS_KEY: %w", err))
	}
	return certificate.Config(), nil
}

func (ds doors) close() {
	for _, d := range ds {
		if d.tcp != nil {
			_ = d.tcp.Close()
		}
	}
}

// serve answers requests. What it returns gets the end of each server.
func (ds doors) serve(api *httpapi.API) <-chan error {
	ended := make(chan error, len(ds))
	for _, d := range ds {
		go func() { ended <- d.server.Serve(api.Listener(d.limited)) }()
	}
	return ended
}

// hurry gives up clients that do not read much sooner.
func (ds doors) hurry() {
	for _, d := range ds {
		d.limited.Hurry()
	}
}

// shutdown waits for the requests under way, until ctx ends.
func (ds doors) shutdown(ctx context.Context) (err error) {
	for _, d := range ds {
		if unfinished := d.server.Shutdown(ctx); unfinished != nil {
			err = unfinished
		}
	}
	return err
}

// abandon ends the requests that are left.
func (ds doors) abandon() {
	for _, d := range ds {
		_ = d.server.Close()
	}
}

// newServer bounds what a client may take: headers in time and size, idle
// connections, and the time of whole requests with their bodies. The listener
// bounds the time of answers. A header has some seconds however short requests may
// be, since clients connect before they have something to ask.
func newServer(h http.Handler, cfg Config, log *slog.Logger) *http.Server {
	header := max(5*time.Second, cfg.RequestTimeout)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: header,
		ReadTimeout:       header + cfg.RequestTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    httpapi.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered by the API as well, with an id and its checks.
		DisableGeneralOptionsHandler: true,
	}
}
