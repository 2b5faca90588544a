package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
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
	for _, token := range []hidden{cfg.Token, cfg.ReadToken} {
		if token != "" && len(token) < minTokenBytes {
			log.Warn("the token is so short that it may be guessed", "bytes", len(token), "want", minTokenBytes)
		}
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
	opened, err := openDoors(ctx, p.api, cfg, log)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", opened[0].tcp.Addr().String(), "version", programVersion(),
		"l2", p.l2.Health(ctx), "source", cfg.Source, "tls", cfg.TLSCert != "")
	if len(opened) > 1 {
		log.Info("listening for those that run the service", "addr", opened[1].tcp.Addr().String())
	}

	var watching sync.WaitGroup
	watching.Go(p.api.Watch)
	defer watching.Wait() // shutDown ends it
	failed := opened.serve(p.api)
	warmUp(ctx, p, cfg, log)
	p.api.SetReady(true)
	if listening != nil {
		listening(opened[0].tcp.Addr())
	}
	err = drain(ctx, p.api, cfg.DrainDelay, failed, log)
	shutDown(p, opened, cfg.ShutdownTimeout, log)
	if err == nil {
		err = <-failed
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// warmUp fills the memory with the hot keys of all instances, while requests are served
// and load balancers are told to wait.
func warmUp(ctx context.Context, p *program, cfg Config, log *slog.Logger) {
	if cfg.WarmTimeout == 0 {
		return
	}
	p.api.SetWarming(true)
	defer p.api.SetWarming(false)
	ctx, cancel := context.WithTimeout(ctx, cfg.WarmTimeout)
	defer cancel()
	began := time.Now()
	done, err := p.service.WarmUp(ctx, min(cfg.L1MaxEntries, ports.HotListed), int(cfg.L1MaxBytes/2))
	log = log.With("keys", done.Keys, "of", done.Listed, "bytes", done.Bytes, "took", time.Since(began))
	if err != nil {
		log.Warn("not all hot keys are in memory", "err", err)
		return
	}
	log.Info("hot keys are in memory")
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

// shutDown tells the balancer, lets the loads under way finish while it still
// answers, then the requests, and gives back what leases are left.
func shutDown(p *program, opened doors, timeout time.Duration, log *slog.Logger) {
	log.Info("shutting down", "timeout", timeout)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	p.api.SetReady(false)
	p.api.EndStreams()
	opened.hurry()
	if err := p.service.Drain(ctx); err != nil {
		log.Warn("loads were cancelled at the end of the shutdown timeout", "err", err)
	}
	finished := opened.shutdown(ctx)
	// Ends what flights are left and gives their leases back. That takes a call
	// of L2 at most; a source that ignores its end is left behind.
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.service.Close(last); err != nil {
		log.Warn("calls of the source were still running at the end", "err", err)
	}
	if finished != nil { // those who waited for such a flight still get to know
		log.Warn("requests were cancelled at the end of the shutdown timeout", "err", finished)
		if err := opened.shutdown(last); err != nil {
			opened.abandon()
		}
	}
	log.Info("bye")
}
