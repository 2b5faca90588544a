package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// serviceAddr returns the address of the service that a healthcheck is for: the
// --addr of the healthcheck itself, else what the service reads as its own, from
// its command line and the environment. That command line is known where the
// service is the first process of a container, alone or below an init that was
// given it; cmdline is that process's in /proc.
func serviceAddr(c commands, program, cmdline string) string {
	if c.addrGiven {
		return c.Addr
	}
	raw, err := os.ReadFile(cmdline)
	if err != nil {
		return c.Addr
	}
	args := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	i := slices.IndexFunc(args, func(arg string) bool { return filepath.Base(arg) == filepath.Base(program) })
	if i < 0 {
		return c.Addr
	}
	service, flags, err := parseArgs(args[i+1:], io.Discard)
	if err != nil || flags == nil || service.name != "serve" {
		return c.Addr
	}
	return service.Addr
}

// checkHealth asks the service that listens on addr on this machine.
func checkHealth(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return refused("addr", fmt.Errorf("%q is not allowed, want host:port or :port", addr))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/health", nil)
	if err != nil {
		return refused("addr", errors.New("no URL can be made of it"))
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req) // no proxy, no redirects
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health is %s", resp.Status)
	}
	return nil
}
