package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/app"
)

// program is what Wire puts together.
type program struct {
	service *app.Router
	api     *httpapi.API
	l2      httpapi.SharedLayer
}

// serve runs the service until ctx ends, then shuts it down. A failure is logged
// too, unless a setting was refused.
func serve(ctx context.Context, cfg Config, stderr io.Writer, listening func(net.Addr)) error {
	log := newLogger(cfg, stderr)
	gin.SetMode(gin.ReleaseMode)
	useEverywhere(log)
	if cfg.Token != "" && len(cfg.Token) < minTokenBytes {
		log.Warn("the token is so short that it may be guessed", "bytes", len(cfg.Token), "want", minTokenBytes)
	}
	err := listenAndServe(ctx, cfg, log, listening)
	if err == nil || errors.As(err, new(usageError)) {
		return err
	}
	log.Error("the service failed", "err", err)
	return loggedError{err}
}

func listenAndServe(ctx context.Context, cfg Config, log *slog.Logger, listening func(net.Addr)) error {
	p, cleanup, err := assemble(cfg, log)
	if err != nil {
		return err
	}
	defer cleanup()
	defer runtime.KeepAlive(limitMemory(cfg, log))
	listener, err := (&net.ListenConfig{Control: bounded}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("MLCACHE_ADDR (--addr): cannot listen on %q: %w", cfg.Addr, err)
	}
	log.Info("listening", "addr", listener.Addr().String(), "version", programVersion(),
		"l2", p.l2.Health(ctx), "source", cfg.Source)

	limited := httpapi.Listen(listener, httpapi.ListenerOptions{
		MaxConnections: cfg.MaxConnections, WriteTimeout: cfg.RequestTimeout, Logger: log,
	})
	server := newServer(p.api, cfg, log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(p.api.Listener(limited)) }()
	p.api.SetReady(true)
	if listening != nil {
		listening(listener.Addr())
	}
	err = drain(ctx, p.api, cfg.DrainDelay, failed, log)
	shutDown(p, server, limited, cfg.ShutdownTimeout, log)
	if err == nil {
		err = <-failed
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// drain waits for the end of ctx, and then for load balancers to notice that this
// instance is not ready any more. It returns early, with the reason, if the server
// has failed.
func drain(ctx context.Context, api *httpapi.API, delay time.Duration, failed <-chan error, log *slog.Logger) error {
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	api.SetReady(false)
	if delay == 0 {
		return nil
	}
	log.Info("not ready any more, still serving", "drain_delay", delay)
	select {
	case err := <-failed:
		return err
	case <-time.After(delay):
		return nil
	}
}

// newServer bounds what a client may take: headers in time and size, idle
// connections, and the time of whole requests with their bodies. The listener
// bounds the time of answers.
func newServer(h http.Handler, cfg Config, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5*time.Second + cfg.RequestTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    httpapi.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered by the API as well, with an id and its checks.
		DisableGeneralOptionsHandler: true,
	}
}

// shutDown tells the balancer, lets the loads under way finish while it still
// answers, then the requests, and gives back what leases are left.
func shutDown(p *program, server *http.Server, listener *httpapi.Listener, timeout time.Duration, log *slog.Logger) {
	log.Info("shutting down", "timeout", timeout)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	p.api.SetReady(false)
	p.api.EndStreams()
	listener.Hurry()
	if err := p.service.Drain(ctx); err != nil {
		log.Warn("loads were cancelled at the end of the shutdown timeout", "err", err)
	}
	finished := server.Shutdown(ctx)
	// Ends what flights are left and gives their leases back. That takes a call
	// of L2 at most; a source that ignores its end is left behind.
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.service.Close(last); err != nil {
		log.Warn("calls of the source were still running at the end", "err", err)
	}
	if finished != nil { // those who waited for such a flight still get to know
		log.Warn("requests were cancelled at the end of the shutdown timeout", "err", finished)
		if err := server.Shutdown(last); err != nil {
			_ = server.Close()
		}
	}
	log.Info("bye")
}
